"""The database of a run, the tokens of its clients, and the changes that are measured.

This module imports models, so import it after django.setup().
"""

import itertools
import json
import time
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import parse_qs, urlsplit

import redis
from django.conf import settings
from django.db import connection, transaction

from accounts.actions.operator_tokens import issue_token
from accounts.models import Operator, Workspace
from accounts.scope import Scope
from bench.seed import TEXT, copy_database
from conversations.actions import send_message
from conversations.inbox import filter_conversations
from conversations.models import Channel, Conversation, Message
from conversations.serializers import CONVERSATION_COLUMNS

COPY_NAME = "praxtalk_live"
ARGUMENTS: dict[str, Any] = {"status": "open", "limit": 25}
BASELINE_CHANNEL = "bench:inbox"

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Change:
    """One change. committed: nanoseconds of the monotonic clock after the commit."""

    number: int
    committed: int


def use_copy() -> str:
    """Copy the seeded database and use the copy in this process from now on. Return its URL."""
    url = copy_database(COPY_NAME)
    connection.close()
    connection.settings_dict["NAME"] = COPY_NAME
    return url


def issue_tokens(count: int) -> list[str]:
    """Issue `count` operator tokens, each with its own session, as if every socket belonged to a different person."""
    operator = Operator.objects.get(name="Alice")
    return [issue_token(operator)[0] for _ in range(count)]


def change_inbox(*, notify_baseline: bool) -> Change:
    """Send a visitor's message to an open conversation, which becomes the first one of the inbox.

    The preview of the conversation then begins with the number of the change.
    """
    number, moments = next(_numbers), []
    conversation = next(_conversations())
    with transaction.atomic():
        transaction.on_commit(lambda: moments.append(time.monotonic_ns()))
        if notify_baseline:
            transaction.on_commit(_notify_baseline)
        send_message(conversation, role=Message.Role.VISITOR, body=f"{number} {TEXT}", channel=Channel.WIDGET)
    return Change(number, moments[0])


def baseline_environment(url: str) -> dict[str, str]:
    """Return the environment of the socket.io server (bench/live/baseline.mjs).

    It contains the address of the database, and the SQL with which PraxTalk queries the inbox.
    """
    rows = filter_conversations(Scope(Workspace.objects.get().pk), status=ARGUMENTS["status"]).values_list(
        *CONVERSATION_COLUMNS
    )
    sql, values = rows[: ARGUMENTS["limit"]].query.sql_with_params()
    for number in range(1, len(values) + 1):
        sql = sql.replace("%s", f"${number}", 1)
    parts = urlsplit(url)
    options = {name: value[0] for name, value in parse_qs(parts.query).items()}
    address = {
        "PGHOST": options.get("host") or parts.hostname or "",
        "PGPORT": options.get("port") or str(parts.port or 5432),
        "PGUSER": parts.username or "",
        "PGPASSWORD": parts.password or "",
        "PGDATABASE": parts.path[1:],
    }
    baseline = {
        "BASELINE_CHANNEL": BASELINE_CHANNEL,
        "BASELINE_SQL": sql,
        "BASELINE_VALUES": json.dumps(values, default=str),
        "BASELINE_THREADS": str(settings.LIVE_THREADS),
    }
    return address | baseline


@cache
def _conversations() -> "itertools.cycle[Conversation]":
    rows = Conversation.objects.filter(status=Conversation.Status.OPEN).order_by("?")
    return itertools.cycle(rows[:500])


def _notify_baseline() -> None:
    _valkey().publish(BASELINE_CHANNEL, b"")


@cache
def _valkey() -> redis.Redis:
    return redis.Redis.from_url(settings.REDIS_URL)
