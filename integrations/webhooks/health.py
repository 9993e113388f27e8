"""Pause a subscription whose attempts all fail, and reactivate it when its receiver is back.

1. The first failed attempt after a success sets `failing_since`; the next success clears it.
2. The subscription is paused automatically after failing for FAILING_FOR, or after at least three consecutive 410 responses
   over ten minutes. Its events are held.
3. `mail.notify_owners` notifies the owners and admins by e-mail. It retries until the e-mail is sent or given up.
4. Every hour, a probe (a ping) checks whether the receiver is back. A 2xx reactivates the subscription, and the held events
   are sent.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.db.models import F, QuerySet, Value
from django.db.models.functions import Coalesce

from integrations.models import WebhookSubscription
from integrations.webhooks.outbox import WEBHOOKS_DUE
from praxtalk.core.http.results import PostResult
from praxtalk.core.live.topics import publish_on_commit

FAILING_FOR = timedelta(days=5)
GONE = 410
MIN_GONE_RESPONSES = 3
GONE_FOR = timedelta(minutes=10)
PROBE_INTERVAL = timedelta(hours=1)

log = structlog.get_logger("praxtalk.webhooks")

PausedBy = WebhookSubscription.PausedBy
Status = WebhookSubscription.Status


@dataclass(frozen=True)
class Health:
    """The stored health of a subscription, before the results that are being processed."""

    failing_since: datetime | None
    gone_since: datetime | None
    gone_responses: int

    @property
    def is_good(self) -> bool:
        return self.failing_since is None and self.gone_responses == 0


def update_health(subscription_id: UUID, known: Health, results: Sequence[PostResult], now: datetime) -> None:
    """Update the stored health of a subscription after a batch of results, and pause it if necessary.

    Each statement updates this one row and is a transaction of its own, so it does not block other work.
    """
    rows = WebhookSubscription.objects.filter(pk=subscription_id)
    if any(result.is_success for result in results):
        if not known.is_good:
            rows.update(failing_since=None, gone_since=None, gone_responses=0)
        return
    if known.failing_since is None:
        rows.update(failing_since=Coalesce(F("failing_since"), Value(now)))
    _count_gone(subscription_id, known, results, now)
    if known.failing_since is not None and now - known.failing_since >= FAILING_FOR:
        _pause_automatically(subscription_id, PausedBy.FAILING, now)


def _count_gone(subscription_id: UUID, known: Health, results: Sequence[PostResult], now: datetime) -> None:
    rows = WebhookSubscription.objects.filter(pk=subscription_id)
    if any(result.status_code != GONE for result in results):
        if known.gone_responses:
            rows.update(gone_since=None, gone_responses=0)
        return
    rows.update(gone_since=Coalesce(F("gone_since"), Value(now)), gone_responses=F("gone_responses") + len(results))
    is_long = known.gone_since is not None and now - known.gone_since >= GONE_FOR
    if is_long and known.gone_responses + len(results) >= MIN_GONE_RESPONSES:
        _pause_automatically(subscription_id, PausedBy.GONE, now)


def _pause_automatically(subscription_id: UUID, by: PausedBy, now: datetime) -> None:
    paused = WebhookSubscription.objects.filter(pk=subscription_id, status=Status.ACTIVE).update(
        status=Status.PAUSED,
        paused_by=by,
        paused_at=now,
        holds_events=True,
        next_probe_at=now + PROBE_INTERVAL,
        owners_notified_at=None,
        owner_mail_attempts=0,
        owner_mail_due_at=None,
    )
    if paused:
        log.warning("webhook paused automatically", webhook=str(subscription_id), by=by.value)


def reactivate(rows: QuerySet[WebhookSubscription]) -> int:
    """Make paused subscriptions active, so that the dispatcher sends what is held. Return how many were paused."""
    count = rows.filter(status=Status.PAUSED).update(
        status=Status.ACTIVE,
        paused_by="",
        paused_at=None,
        next_probe_at=None,
        failing_since=None,
        gone_since=None,
        gone_responses=0,
    )
    if count:
        publish_on_commit(WEBHOOKS_DUE)
    return count
