"""Send deliveries again: one (`retry`), or many (a replay, which the dispatcher advances until it is done).

A replay's row stores its progress. Each step updates a batch of deliveries and the progress in one transaction. After a
restart, the replay therefore continues where the last step ended and does nothing twice.
"""

from datetime import datetime
from typing import Any

from django.db.models import Case, Exists, F, OuterRef, PositiveSmallIntegerField, Q, QuerySet, Value, When
from django.utils import timezone

from accounts.audit import Action, record
from integrations.actions.subscriptions import WebhookDeleted, lock_and_reload, lock_webhook
from integrations.models import Delivery, Event, EventName, Replay, WebhookSubscription
from integrations.models.deliveries import Trigger
from integrations.webhooks.outbox import WEBHOOKS_DUE
from praxtalk.core.db.transactions import joined_transaction
from praxtalk.core.live.topics import publish_on_commit

BATCH_SIZE = 500
ZERO = Value(0, output_field=PositiveSmallIntegerField())

Status = Delivery.Status


class WebhookPaused(Exception):
    """Raised when the delivery's subscription is paused, because nothing is sent to a paused subscription."""


@joined_transaction()
def retry(delivery: Delivery) -> None:
    """Make a delivery due immediately. Leave it unchanged if it is being attempted now.

    Raises WebhookPaused or WebhookDeleted.
    """
    webhook = lock_webhook(delivery.workspace_id, delivery.subscription_id)
    if webhook is None:
        raise WebhookDeleted
    if not webhook.is_active:
        raise WebhookPaused
    _make_due(Delivery.objects.filter(workspace_id=delivery.workspace_id, pk=delivery.pk))
    publish_on_commit(WEBHOOKS_DUE)


def _make_due(rows: QuerySet[Delivery]) -> int:
    """Make deliveries due, except leased ones. Return how many.

    An unfinished delivery keeps its count of attempts; a finished one starts again with all six.
    """
    is_finished = Q(status__in=[Status.SUCCEEDED, Status.FAILED])
    return rows.filter(lease__isnull=True).update(
        status=Status.PENDING,
        attempts_made=Case(When(is_finished, then=ZERO), default=F("attempts_made")),
        interruptions=Case(When(is_finished, then=ZERO), default=F("interruptions")),
        next_attempt_at=timezone.now(),
        next_trigger=Trigger.MANUAL,
    )


@joined_transaction()
def start_replay(
    subscription: WebhookSubscription,
    *,
    what: Replay.Selection,
    event_name: EventName | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Replay:
    """Start a replay of the deliveries that have failed or succeeded, or of the events without a delivery, up to now.

    Raises WebhookDeleted.
    """
    now, subscription = timezone.now(), lock_and_reload(subscription)
    replay = Replay(
        workspace_id=subscription.workspace_id,
        subscription=subscription,
        what=what,
        event_name=event_name or "",
        since=since,
        until=min(until, now) if until else now,
        created_at=now,
    )
    replay.total = _total(replay)
    replay.status = Replay.Status.RUNNING if replay.total else Replay.Status.DONE
    replay.save(force_insert=True)
    record(Action.REPLAY_STARTED, workspace_id=replay.workspace_id, subject=subscription, what=what, total=replay.total)
    publish_on_commit(WEBHOOKS_DUE)
    return replay


@joined_transaction()
def advance() -> bool:
    """Run one step of the oldest running replay that no other process has locked. Return whether there was one.

    The subscription's row is locked too. A deletion locks that row first, so it waits for the step and cannot deadlock with it.
    """
    running = Replay.objects.select_related("subscription").filter(status=Replay.Status.RUNNING)
    replay = (
        running.select_for_update(skip_locked=True, of=("self", "subscription"), no_key=True)
        .order_by("created_at")
        .first()
    )
    if replay is None:
        return False
    rows = list(_remaining(replay).order_by("created_at", "id").values("id", "created_at")[:BATCH_SIZE])
    ids = [row["id"] for row in rows]
    if replay.what == Replay.Selection.MISSING:
        replay.done += _create_missing(replay, ids)
    else:
        _make_due(Delivery.objects.filter(workspace_id=replay.workspace_id, pk__in=ids))
        replay.done += len(rows)
    if rows:
        replay.reached_at, replay.reached_id = rows[-1]["created_at"], rows[-1]["id"]
    if len(rows) < BATCH_SIZE:
        replay.status, replay.done = Replay.Status.DONE, replay.total
    replay.done = min(replay.done, replay.total)
    replay.save(update_fields=["status", "done", "reached_at", "reached_id"])
    return True


def _remaining(replay: Replay) -> QuerySet[Any]:
    """Return the rows that the replay has not processed yet, in a form that uses an index.

    They are the deliveries with its status, or the events that its subscription matches.
    """
    rows: QuerySet[Any]
    if replay.what == Replay.Selection.MISSING:
        rows, name = _subscribed_events(replay.subscription), "name"
    else:
        rows, name = Delivery.objects.filter(subscription_id=replay.subscription_id, status=replay.what), "event__name"
    rows = rows.filter(workspace_id=replay.workspace_id, created_at__lte=replay.until)
    if replay.since:
        rows = rows.filter(created_at__gte=replay.since)
    if replay.event_name:
        rows = rows.filter(**{name: replay.event_name})
    if replay.reached_at:
        after = Q(created_at__gt=replay.reached_at) | Q(created_at=replay.reached_at, id__gt=replay.reached_id)
        rows = rows.filter(after, created_at__gte=replay.reached_at)
    return rows


def _total(replay: Replay) -> int:
    rows = _remaining(replay)
    return (_without_delivery(rows, replay) if replay.what == Replay.Selection.MISSING else rows).count()


def _subscribed_events(subscription: WebhookSubscription) -> QuerySet[Event]:
    events = Event.objects.filter(workspace_id=subscription.workspace_id, name__in=subscription.events)
    return events.filter(brand_id=subscription.brand_id) if subscription.brand_id else events


def _without_delivery(events: QuerySet[Event], replay: Replay) -> QuerySet[Event]:
    return events.filter(~Exists(Delivery.objects.filter(subscription=replay.subscription, event=OuterRef("pk"))))


def _create_missing(replay: Replay, event_ids: list[Any]) -> int:
    """Create a delivery for each of these events that has none. Return how many were created."""
    now = timezone.now()
    events = Event.objects.filter(workspace_id=replay.workspace_id, pk__in=event_ids)
    missing = list(_without_delivery(events, replay).values_list("pk", flat=True))
    Delivery.objects.bulk_create(
        (
            Delivery(
                workspace_id=replay.workspace_id,
                subscription_id=replay.subscription_id,
                event_id=event_id,
                next_trigger=Trigger.MANUAL,
                next_attempt_at=now,
                created_at=now,
            )
            for event_id in missing
        ),
        ignore_conflicts=True,
    )
    return len(missing)
