"""The data of the benchmarks: one workspace, two brands, many conversations, a write key and a read key.

PostgreSQL generates the data once, in the database `praxtalk`. Each run works on a copy, so that it does not see what an earlier
run has written. The data is generated again when a migration or the size has changed.
"""

import hashlib
import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import psycopg
from django.core.management import call_command
from django.db import connection

from accounts.models import Operator
from bench.harness import log
from brands.actions import create_brand, create_workspace
from conversations.search import VERSION
from integrations.actions.api_keys import create_key
from integrations.models import ApiKey
from praxtalk.devservices import PROJECT
from praxtalk.devservices.files import write_private
from praxtalk.devservices.postgres import DATABASE

BATCH = 10_000
COPY_NAME = "praxtalk_run"
LOOPBACK = ["127.0.0.0/8"]  # requests with a key that has an allowlist are not counted by IP address

# Insert one batch. Each conversation n (numbered across all batches) has a visitor and 1 to 5 messages, each with eight random
# words. The highest n is the newest. PostgreSQL's parser finds the same words in these texts as the application, and is faster.
ADD_CONVERSATIONS = """
    WITH seeded AS MATERIALIZED (
        SELECT n, uuidv7(age) AS id, uuidv7(age) AS visitor_id, (%(brands)s::uuid[])[1 + n %% 2] AS brand_id,
               now() + age AS created_at, 1 + n %% 5 AS messages,
               CASE WHEN n %% 3 = 0 THEN (%(operators)s::uuid[])[1 + n %% 2] END AS assignee_id,
               (ARRAY['open', 'open', 'open', 'open', 'snoozed', 'resolved', 'resolved', 'resolved', 'closed', 'closed'])
                   [1 + floor(random() * 10)::int] AS status
        FROM (SELECT n, make_interval(secs => -30 * (%(total)s - n) - 300) AS age
              FROM generate_series(%(first)s::int, %(last)s::int) AS n) AS numbers
    ), visitors AS (
        INSERT INTO conversations_visitor (id, workspace_id, brand_id, name, email, phone, created_at, words, words_digest)
        SELECT visitor_id, %(workspace)s, brand_id, name, email, phone, created_at,
               strip(to_tsvector('simple', 'visitor example com ' || n || replace(phone, '+251 11 ', ' 25111'))),
               md5(concat_ws(chr(10), %(version)s::text, name, email, phone))::uuid
        FROM seeded CROSS JOIN LATERAL (
            SELECT 'Visitor ' || n AS name, 'visitor.' || n || '@example.com' AS email,
                   CASE WHEN n %% 4 = 0 THEN '+251 11 ' || n ELSE '' END AS phone) AS details
    ), conversations AS (
        INSERT INTO conversations_conversation (id, workspace_id, brand_id, visitor_id, assignee_id, status, channel, preview,
            message_count, last_position, snoozed_until, created_at, updated_at, last_message_at,
            last_activity_at, waiting_since)
        SELECT id, %(workspace)s, brand_id, visitor_id, assignee_id, status, 'widget', left(%(text)s || messages, 140),
               messages, messages, CASE WHEN status = 'snoozed' THEN now() + interval '9 days' END, created_at,
               created_at + messages * interval '1 minute', created_at + messages * interval '1 minute',
               created_at + messages * interval '1 minute',
               CASE WHEN messages %% 2 = 1 AND status IN ('open', 'snoozed')
                   THEN created_at + messages * interval '1 minute' END
        FROM seeded
    )
    INSERT INTO conversations_message (id, workspace_id, conversation_id, position, role, channel, author_id, body, created_at,
        words, words_digest)
    SELECT uuidv7(), %(workspace)s, id, position, CASE WHEN position %% 2 = 1 THEN 'visitor' ELSE 'operator' END,
           CASE WHEN position %% 2 = 1 THEN 'widget' ELSE 'dashboard' END,
           CASE WHEN position %% 2 = 0 THEN (%(operators)s::uuid[])[1 + n %% 2] END,
           body, created_at + position * interval '1 minute', strip(to_tsvector('simple', body)),
           md5(concat_ws(chr(10), %(version)s::text, body))::uuid
    FROM seeded CROSS JOIN LATERAL generate_series(1, seeded.messages) AS position CROSS JOIN LATERAL (
        SELECT %(text)s || position || '. ' || string_agg('w' || floor(exp(random() * ln(%(words)s)))::int || 'x', ' ') AS body
        FROM generate_series(1, 8) WHERE seeded.n + position > 0) AS said
"""
WORDS = 50_000  # w1x, w2x and so on. As in a language, the tenth is a tenth as frequent as the first (Zipf's law)
TEXT = "My order 1042 arrived without the cable. Could you send one, and does it reach Addis Ababa by Friday? Part "


@dataclass(frozen=True)
class Seed:
    """What a run needs to know about the seeded database. It is stored in `seed.json`."""

    conversations: int
    schema: str  # digest of all migrations
    write_key: str
    read_key: str


def seeded(folder: Path, conversations: int) -> Seed:
    """Return the seed of this folder's database. Seed the database first if it is missing or differs in size or schema."""
    path = folder / "seed.json"
    if path.exists():
        seed = Seed(**json.loads(path.read_text()))
        if (seed.conversations, seed.schema) == (conversations, _schema()):
            return seed
        path.unlink()
    with connection.cursor() as cursor:
        cursor.execute("DROP SCHEMA public CASCADE")
        cursor.execute("CREATE SCHEMA public")
    log("Migrating ...")
    call_command("migrate", verbosity=0)
    write_key, read_key = _add_data(conversations)
    seed = Seed(conversations, _schema(), write_key, read_key)
    write_private(path, json.dumps(asdict(seed), indent=2) + "\n")
    return seed


def fresh_copy() -> tuple[str, list[UUID]]:
    """Copy the seeded database. Return the URL of the copy and up to 10,000 random ids of its conversations."""
    url = copy_database(COPY_NAME)
    with psycopg.connect(url) as copy:
        rows = copy.execute("SELECT id FROM conversations_conversation ORDER BY random() LIMIT 10000").fetchall()
    return url, [row[0] for row in rows]


def copy_database(name: str, *, of: str = DATABASE) -> str:
    """Copy a database to which nothing else is connected. Return the URL of the copy."""
    connection.close()
    with psycopg.connect(_url_of("postgres"), autocommit=True) as postgres:
        postgres.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        postgres.execute(f"CREATE DATABASE {name} TEMPLATE {of} STRATEGY FILE_COPY")
    return _url_of(name)


def _url_of(database: str) -> str:
    return urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{database}").geturl()


def _add_data(conversations: int) -> tuple[str, str]:
    workspace = create_workspace(
        name="Bench",
        brand_name="North",
        owner_email="alice@bench.example",
        owner_name="Alice",
        password="wonder-land-9",
    )
    create_brand(workspace, name="South")
    Operator.objects.create(workspace=workspace, email="bob@bench.example", name="Bob")
    values: dict[str, Any] = {
        "workspace": workspace.pk,
        "brands": list(workspace.brands.values_list("pk", flat=True)),
        "operators": list(workspace.operators.values_list("pk", flat=True)),
        "total": conversations,
        "text": TEXT,
        "words": WORDS,
        "version": VERSION,
    }
    started = time.monotonic()
    with connection.cursor() as cursor:
        cursor.execute("SELECT setseed(0.5)")
        for first in range(1, conversations + 1, BATCH):
            last = min(first + BATCH - 1, conversations)
            cursor.execute(ADD_CONVERSATIONS, values | {"first": first, "last": last})
            log(f"Seeding: {last:,} of {conversations:,} conversations, {time.monotonic() - started:.0f} s ...")
        cursor.execute("VACUUM ANALYZE")
    write, read = ApiKey.Scope.WRITE, ApiKey.Scope.READ
    _, write_key = create_key(workspace, name="Bench writes", scope=write, allowed_cidrs=LOOPBACK)
    _, read_key = create_key(workspace, name="Bench reads", scope=read, allowed_cidrs=LOOPBACK)
    return write_key, read_key


def _schema() -> str:
    digest = hashlib.sha256()
    for path in sorted(PROJECT.glob("*/migrations/*.py")) + sorted(PROJECT.glob("*/*/migrations/*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()
