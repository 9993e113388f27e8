"""A database with 100,000 rows per table, to check query plans."""

from contextlib import contextmanager, suppress

import pytest
from django.db import ProgrammingError, connection, reset_queries

from accounts.models import Workspace
from brands.models import Brand
from conversations.search import VERSION
from tests.template_database import copy_of, filled_template

BIG = 100_000


@pytest.fixture(scope="module")
def large_workspace(django_db_setup, django_db_blocker):
    """Return a workspace with 100,000 conversations, messages, leads and deliveries, of which 1,000 failed.

    It is in a database of its own, to which the connection of this process leads during the module.
    """
    name = connection.settings_dict["NAME"]
    with django_db_blocker.unblock(), copy_of(filled_template(fill, SEED), f"{name}_large"):
        with connected_to(f"{name}_large"):
            yield Workspace.objects.get(name="Big")
        reset_queries()


@contextmanager
def connected_to(name):
    before = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = name
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["NAME"] = before


def fill(name):
    """Write the rows by SQL into the migrated database `name`.

    PostgreSQL's parser finds the same words in these texts as the application, and is faster.
    """
    with connected_to(name):
        workspace = Workspace.objects.create(name="Big")
        for number in range(4):
            Brand.objects.create(workspace=workspace, slug=f"brand-{number}", name="Brand")
        with connection.cursor() as cursor:
            with suppress(ProgrammingError):  # a superuser may skip the checks of 300,000 foreign keys
                cursor.execute("SET session_replication_role = replica")
            for statement in SEED.split(";")[:-1]:
                cursor.execute(statement, {"workspace": workspace.pk, "rows": BIG, "version": VERSION})
            cursor.execute("VACUUM ANALYZE")


SEED = """
INSERT INTO conversations_visitor (id, workspace_id, brand_id, name, email, phone, created_at, words, words_digest)
    SELECT gen_random_uuid(), %(workspace)s, brand.id, 'Person ' || n, 'person' || n || '@example.com', n::text, now(),
        strip(to_tsvector('simple', concat('person example com person', n, ' ', n))),
        md5(concat(%(version)s::int, chr(10), 'Person ', n, chr(10), 'person', n, '@example.com', chr(10), n))::uuid
    FROM generate_series(1, %(rows)s / 4) n, brands_brand brand WHERE brand.workspace_id = %(workspace)s;
INSERT INTO conversations_conversation (id, workspace_id, brand_id, visitor_id, status, channel, preview, message_count,
        last_position, created_at, updated_at, last_message_at, last_activity_at,
        waiting_since)
    SELECT gen_random_uuid(), %(workspace)s, brand_id, id,
        (ARRAY['open', 'closed', 'resolved', 'closed'])[1 + phone::int %% 4], 'widget', 'Hello', 1, 1,
        now() - phone::int * interval '1 minute', now() - phone::int * interval '1 minute',
        now() - phone::int * interval '1 minute', now() - phone::int * interval '1 minute',
        CASE WHEN phone::int %% 4 = 0 THEN now() - phone::int * interval '1 minute' END
    FROM conversations_visitor WHERE workspace_id = %(workspace)s;
INSERT INTO leads_lead (id, workspace_id, brand_id, name, email, phone, notes, status, created_at, updated_at, words,
        words_digest)
    SELECT gen_random_uuid(), %(workspace)s, brand.id, 'Lead', 'lead' || n || '@example.com', '', 'No. ' || n,
        (ARRAY['new', 'won'])[1 + n %% 2], now() - n * interval '1 minute', now() - n * interval '1 minute',
        strip(to_tsvector('simple', 'lead no ' || n)),
        md5(concat(%(version)s::int, chr(10), 'Lead', chr(10), 'lead' || n || '@example.com', chr(10), chr(10), 'No. ', n))::uuid
    FROM generate_series(1, %(rows)s / 4) n, brands_brand brand WHERE brand.workspace_id = %(workspace)s;
INSERT INTO integrations_webhooksubscription (id, workspace_id, url, events, description, status, encrypted_secret,
        encrypted_second_secret, paused_by, holds_events, gone_responses, created_at)
    SELECT gen_random_uuid(), %(workspace)s, 'https://example.com', ARRAY['lead.created'], '', 'active', '', '', '',
        true, 0, now() FROM generate_series(1, 3);
INSERT INTO integrations_event (id, workspace_id, name, body, number, created_at)
    SELECT gen_random_uuid(), %(workspace)s, 'lead.created', '{}', n, now() FROM generate_series(1, %(rows)s) n;
INSERT INTO integrations_delivery (id, workspace_id, subscription_id, event_id, status, attempts_made, interruptions,
        last_number, next_trigger, next_attempt_at, created_at)
    SELECT gen_random_uuid(), %(workspace)s,
        (SELECT array_agg(id) FROM integrations_webhooksubscription)[1 + number %% 3], event.id,
        CASE WHEN number %% 100 = 0 THEN 'failed' ELSE 'succeeded' END, 1, 0, 1, 'schedule', now(),
        now() - number * interval '1 second'
    FROM integrations_event event WHERE event.workspace_id = %(workspace)s;
INSERT INTO conversations_message (id, workspace_id, conversation_id, position, role, channel, body, created_at, words,
        words_digest)
    SELECT gen_random_uuid(), workspace_id, id, 1, 'visitor', 'widget', body, created_at,
        strip(to_tsvector('simple', body)), md5(concat(%(version)s::int, chr(10), body))::uuid
    FROM (SELECT *, 'Hello, about order ' || row_number() OVER () || ' of mine' AS body
          FROM conversations_conversation WHERE workspace_id = %(workspace)s) conversation;
"""


def plans_of(queries, *, without):
    """Return the EXPLAIN output of each captured SELECT, except those that contain `without`, for example the session query."""
    plans = []
    for query in queries:
        if query["sql"].startswith("SELECT") and without not in query["sql"]:
            with connection.cursor() as cursor:
                cursor.execute("EXPLAIN " + query["sql"].replace("%", "%%"))
                plans.append("\n".join(row[0] for row in cursor.fetchall()))
    return plans
