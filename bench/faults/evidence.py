"""Collect the results of a run: the rows, the receipts, the journals of the writers, and the injected faults."""

import hashlib
import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from bench.faults.chaos import Chaos
from bench.faults.environment import Environment
from bench.faults.processes import WorkerPool
from bench.faults.receivers import Receipt
from conversations.models import Conversation, Message
from integrations.models import Attempt, Delivery, DeliveryCount, Event, WebhookSubscription
from leads.models import Lead


@dataclass(frozen=True)
class EventRecord:
    """The row of an event, with its body parsed."""

    id: str
    workspace: str
    brand: str | None
    name: str
    sequence: int
    digest: bytes
    body: dict[str, Any]


@dataclass(frozen=True)
class Evidence:
    """All results of a run."""

    events: dict[str, EventRecord]
    deliveries: dict[str, Delivery]
    attempts: dict[str, list[Attempt]]  # by delivery, ordered by number
    subscriptions: dict[str, WebhookSubscription]
    counts: dict[str, DeliveryCount]  # sums, by subscription
    leads: dict[str, str]  # id to status
    conversations: dict[str, str]
    messages: set[str]
    receipts: list[Receipt]
    receiver_of: dict[str, str]  # by subscription
    journal: list[dict[str, Any]]
    injected: Counter[str]
    killed: Counter[str]
    ended: Counter[str]  # exits other than by SIGKILL, by process
    fired: Counter[str]  # kills by kill point
    trapped: int
    began: float
    calm_until: float
    writers_failed: int
    seconds: float
    drained_seconds: float | None
    stopped_cleanly: bool

    @property
    def committed(self) -> dict[str, float]:
        """The time at which each event committed, by the clocks of the writers."""
        return {one: entry["at"] for entry in self.journal if entry["outcome"] == "committed" for one in entry["ids"]}

    @property
    def rolled_back(self) -> set[str]:
        return {one for entry in self.journal for one in entry["rolled_back_ids"]}

    @property
    def uncertain(self) -> list[list[str]]:
        """The ids of the events of each transaction whose connection was terminated, so that its outcome is unknown."""
        return [entry["ids"] for entry in self.journal if entry["outcome"] == "unknown"]


def gather(
    folder: Path, environment: Environment, chaos: Chaos, workers: WorkerPool, *, began: float, calm: float, **more: Any
) -> Evidence:
    """Read all results. All processes must have ended."""
    attempts: dict[str, list[Attempt]] = defaultdict(list)
    for attempt in Attempt.objects.order_by("number"):
        attempts[str(attempt.delivery_id)].append(attempt)
    journal = [json.loads(line) for path in folder.glob("journal-*.jsonl") for line in path.read_text().splitlines()]
    return Evidence(
        events={str(event.pk): _event_record(event) for event in Event.objects.all()},
        deliveries={str(delivery.pk): delivery for delivery in Delivery.objects.all()},
        attempts=attempts,
        subscriptions={str(one.pk): one for one in WebhookSubscription.objects.all()},
        counts=_sums(),
        leads={str(pk): status for pk, status in Lead.objects.values_list("pk", "status")},
        conversations={str(pk): status for pk, status in Conversation.objects.values_list("pk", "status")},
        messages={str(pk) for pk in Message.objects.values_list("pk", flat=True)},
        receipts=environment.receivers.receipts,
        receiver_of={str(one.pk): name for name, one in environment.subscriptions.items()},
        journal=journal,
        injected=chaos.injected,
        killed=workers.killed,
        ended=workers.ended,
        fired=Counter(path.name.rpartition(".")[0] for path in folder.glob("*.[0-9]*") if " " in path.name),
        trapped=environment.receivers.trapped,
        began=began,
        calm_until=began + calm,
        stopped_cleanly=workers.stopped_cleanly,
        **more,
    )


def _event_record(event: Event) -> EventRecord:
    body = bytes(event.body)
    return EventRecord(
        id=str(event.pk),
        workspace=str(event.workspace_id),
        brand=str(event.brand_id) if event.brand_id else None,
        name=event.name,
        sequence=event.sequence,
        digest=hashlib.sha256(body).digest(),
        body=orjson.loads(body),
    )


def _sums() -> dict[str, DeliveryCount]:
    sums: dict[str, DeliveryCount] = {}
    fields = [field.name for field in DeliveryCount._meta.fields if field.name.startswith(("deliveries_", "attempts_"))]
    for row in DeliveryCount.objects.all():
        known = sums.setdefault(str(row.subscription_id), DeliveryCount())
        for name in fields:
            setattr(known, name, getattr(known, name) + getattr(row, name))
    return sums
