"""`python -m bench.faults.writers PLAN NUMBER`: threads that make changes through the real actions, and keep a journal.

Each line of the journal is one transaction: its outcome, the ids of the events that it recorded, and how long it took. Changes
that are rolled back write texts with the marker "gone-", by which a receiver recognises them.
"""

import json
import os
import random
import sys
import threading
import time
import uuid
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import django
import psycopg

from bench.faults import times

SHARES = {"committed": 85, "rolled_back": 10, "partial": 3, "disconnected": 2}  # percent of the transactions
CHANGES = ["lead", "conversation", "message", "message", "status", "lead status"]
BURST_EVENTS = 25  # events at the start of a thread, which are written in a burst
MAX_REMEMBERED = 200
LOST_CONNECTION_STATES = (None, "57P01")  # SQLSTATE of a connection that was lost, or that is being terminated


@dataclass
class Entry:
    """One transaction.

    outcome: committed, rolled_back, unknown (its connection was terminated, so it may have committed) or error.
    """

    outcome: str = "committed"
    ids: list[str] = field(default_factory=list)
    rolled_back_ids: list[str] = field(default_factory=list)
    at: float = 0.0  # time of the commit
    seconds: float = 0.0
    publish_seconds: float = 0.0  # the part of them that publishing in Valkey took
    error: str = ""


class RolledBack(Exception):
    """Raised to roll back a transaction."""


class Writer(threading.Thread):
    """A thread that makes changes until its share of events has committed."""

    def __init__(self, plan: dict[str, Any], seed: str, rare: list[dict[str, Any]], journal: Path) -> None:
        super().__init__()
        self._plan, self._rare, self._journal = plan, rare, journal
        self._random = random.Random(seed)
        self._conversations: dict[str, list[Any]] = {}
        self._leads: dict[str, list[Any]] = {}
        self._created: list[tuple[dict[str, list[Any]], str, Any]] = []

    def run(self) -> None:
        committed, started = 0, time.monotonic()
        rate = self._plan["events"] / self._plan["seconds"]
        brands, weights = self._plan["brands"], [brand_plan["weight"] for brand_plan in self._plan["brands"]]
        with self._journal.open("w", buffering=1) as journal:
            while committed < self._plan["events"]:
                rare = self._rare.pop() if self._rare else None
                entry = self._change(rare or self._random.choices(brands, weights)[0], is_rare=rare is not None)
                journal.write(json.dumps(asdict(entry)) + "\n")
                committed += len(entry.ids) if entry.outcome == "committed" else 0
                ahead = (committed - BURST_EVENTS) / rate - (time.monotonic() - started)
                time.sleep(max(0.0, ahead))
        _disconnect()

    def _change(self, brand_plan: dict[str, Any], *, is_rare: bool) -> Entry:
        from django.db import DatabaseError, InterfaceError, transaction

        entry = Entry()
        outcome = "committed" if is_rare else self._random.choices(list(SHARES), list(SHARES.values()))[0]
        current.entry, self._created = entry, []
        started = time.monotonic()
        try:
            with transaction.atomic():
                transaction.on_commit(lambda: setattr(entry, "at", time.time()))
                self._act(brand_plan, "kept-" if outcome in ("committed", "partial") else "gone-", only_lead=is_rare)
                self._end(brand_plan, outcome, entry)
            for known, brand, row in self._created:
                known.setdefault(brand, []).append(row)
                del known[brand][:-MAX_REMEMBERED]
        except RolledBack:
            entry.outcome, entry.rolled_back_ids, entry.ids = "rolled_back", entry.rolled_back_ids + entry.ids, []
        except (DatabaseError, InterfaceError) as error:
            _disconnect()
            # A connection that the writer itself terminated was lost before COMMIT, so the change is gone. Any other loss may
            # have happened during COMMIT, so the outcome is unknown.
            was_disconnected = getattr(error.__cause__, "sqlstate", "") in LOST_CONNECTION_STATES
            if not was_disconnected:
                entry.outcome = "error"
            else:
                entry.outcome = "rolled_back" if outcome in ("rolled_back", "disconnected") else "unknown"
            entry.error = f"{type(error).__name__}: {error}"[:300]
            if entry.outcome == "rolled_back":
                entry.rolled_back_ids, entry.ids = entry.rolled_back_ids + entry.ids, []
        except Exception as error:
            entry.outcome, entry.error = "error", f"{type(error).__name__}: {error}"[:300]
        entry.seconds = time.monotonic() - started
        return entry

    def _end(self, brand_plan: dict[str, Any], outcome: str, entry: Entry) -> None:
        from django.db import connection, transaction

        if outcome == "rolled_back":
            raise RolledBack
        if outcome == "disconnected":
            with psycopg.connect(_database_url(), autocommit=True, application_name="faults") as other:
                other.execute("SELECT pg_terminate_backend(%s, 5000)", [connection.connection.info.backend_pid])
        if outcome == "partial":  # roll back a part, and commit the rest
            before, created = list(entry.ids), list(self._created)
            try:
                with transaction.atomic():
                    self._act(brand_plan, "gone-")
                    raise RolledBack
            except RolledBack:
                if connection.needs_rollback:  # connection lost: Django silently rolls back everything
                    raise
                entry.rolled_back_ids, entry.ids, self._created = entry.ids[len(before) :], before, created

    def _act(self, brand_plan: dict[str, Any], marker: str, *, only_lead: bool = False) -> None:
        """Run one of the real actions, on a random object of this brand that this thread has created."""
        from brands.models import Brand
        from conversations.actions import send_message, set_status, start_conversation
        from conversations.models import Channel, Conversation, Message, Visitor
        from leads.actions import create_lead, update_lead
        from leads.models import Lead

        brand = Brand(pk=uuid.UUID(brand_plan["brand"]), workspace_id=uuid.UUID(brand_plan["workspace"]))
        conversations, leads = self._conversations.get(brand_plan["brand"]), self._leads.get(brand_plan["brand"])
        text = f"{marker}{uuid.uuid4()}"
        choices = ["lead"] if only_lead else CHANGES
        choice = self._random.choice(choices)
        if choice == "message" and conversations:
            role = self._random.choice([Message.Role.VISITOR, Message.Role.OPERATOR])
            send_message(self._random.choice(conversations), role=role, body=text, channel=Channel.API)
        elif choice == "status" and conversations:
            status = self._random.choice(list(Conversation.Status))
            set_status(self._random.choice(conversations), status=status)
        elif choice == "lead status" and leads:
            update_lead(self._random.choice(leads), notes=text, status=self._random.choice(list(Lead.Status)))
        elif choice == "conversation":
            visitor = Visitor.objects.create(workspace_id=brand.workspace_id, brand=brand, name="Maya")
            conversation = start_conversation(visitor, body=text, channel=Channel.WIDGET)
            self._created.append((self._conversations, brand_plan["brand"], conversation))
        else:
            lead = create_lead(brand.workspace_id, name=text, brand=brand)
            self._created.append((self._leads, brand_plan["brand"], lead))


current = threading.local()  # the entry of this thread's transaction


def record_events() -> None:
    """Record the id of each event, and the time that publishing takes, in the entry of the transaction."""
    from integrations.models import Event
    from integrations.webhooks import outbox
    from praxtalk.core.live import topics

    add, publish = outbox._add, topics._publish

    def record_and_add(event: Event) -> list[tuple[uuid.UUID, str]]:
        subscribers = add(event)
        current.entry.ids.append(str(event.pk))
        return subscribers

    def publish_and_time(changed: set[str]) -> None:
        started = time.monotonic()
        publish(changed)
        current.entry.publish_seconds += time.monotonic() - started

    outbox._add, topics._publish = record_and_add, publish_and_time


def _database_url() -> str:
    return os.environ["DATABASE_URL"]


def _disconnect() -> None:
    from django.db import connection

    connection.close()


def _wait_for_start(folder: Path, name: str) -> None:
    from django.db import connection

    connection.ensure_connection()
    connection.close()
    times.ready_mark(folder, name).touch()
    while not times.start_mark(folder).exists():
        time.sleep(0.01)


def main() -> None:
    """Run the threads until each has written its share of events."""
    plan = json.loads(Path(sys.argv[1]).read_text())
    number = int(sys.argv[2])
    django.setup()
    record_events()
    threads = []
    for index in range(plan["threads"]):
        is_first = number == index == 0
        rare = [brand_plan for brand_plan in plan["brands"] for _ in range(brand_plan["rare"])] if is_first else []
        journal = Path(sys.argv[1]).with_name(f"journal-{number}-{index}.jsonl")
        threads.append(Writer(plan, f"{plan['seed']} {number} {index}", rare, journal))
    _wait_for_start(Path(sys.argv[1]).parent, f"writers.{number}")
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
