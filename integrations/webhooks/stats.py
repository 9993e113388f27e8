"""Counts of how deliveries and attempts ended, by subscription and day. They are kept when the counted rows are deleted."""

from dataclasses import dataclass

from django.db.models import Count, Min, Sum
from django.utils import timezone

from integrations.models import Delivery, DeliveryCount, WebhookSubscription

# Add to the day's counts how the deliveries and attempts of `rows` (workspace_id, subscription_id, status, outcome) ended.
# The rows are ordered, so that two dispatchers that count the same subscriptions wait for each other instead of deadlocking.
ADD_COUNTS = f"""
    INSERT INTO {DeliveryCount._meta.db_table} AS counts (workspace_id, subscription_id, day, deliveries_succeeded,
        deliveries_failed, deliveries_expired, attempts_succeeded, attempts_failed, attempts_interrupted)
    SELECT workspace_id, subscription_id, %(day)s::date,
        count(*) FILTER (WHERE status = 'succeeded'), count(*) FILTER (WHERE status = 'failed'),
        count(*) FILTER (WHERE status = 'expired'), count(*) FILTER (WHERE outcome = 'succeeded'),
        count(*) FILTER (WHERE outcome = 'failed'), count(*) FILTER (WHERE outcome = 'interrupted')
    FROM ({{rows}}) AS ended GROUP BY workspace_id, subscription_id ORDER BY subscription_id
    ON CONFLICT (subscription_id, day) DO UPDATE SET
        deliveries_succeeded = counts.deliveries_succeeded + excluded.deliveries_succeeded,
        deliveries_failed = counts.deliveries_failed + excluded.deliveries_failed,
        deliveries_expired = counts.deliveries_expired + excluded.deliveries_expired,
        attempts_succeeded = counts.attempts_succeeded + excluded.attempts_succeeded,
        attempts_failed = counts.attempts_failed + excluded.attempts_failed,
        attempts_interrupted = counts.attempts_interrupted + excluded.attempts_interrupted
"""  # noqa: S608 - no user input


@dataclass(frozen=True)
class Backlog:
    """The unfinished deliveries and the automatically paused subscriptions of all workspaces, at one moment."""

    oldest_due_seconds: float
    due: int
    in_flight: int
    held: int
    auto_paused: int


def current_backlog() -> Backlog:
    """Count them in the database, with the partial indexes of unfinished deliveries."""
    now = timezone.now()
    due = Delivery.objects.filter(
        subscription__status=WebhookSubscription.Status.ACTIVE,
        status=Delivery.Status.PENDING,
        lease__isnull=True,
        next_attempt_at__lte=now,
    ).aggregate(count=Count("pk"), oldest=Min("next_attempt_at"))
    return Backlog(
        oldest_due_seconds=(now - due["oldest"]).total_seconds() if due["oldest"] else 0.0,
        due=due["count"],
        in_flight=Delivery.objects.filter(lease__isnull=False).count(),
        held=Delivery.objects.filter(status=Delivery.Status.HELD).count(),
        auto_paused=WebhookSubscription.objects.filter(next_probe_at__isnull=False).count(),
    )


def delivery_totals() -> dict[str, dict[str, int]]:
    """Return the sums of all counts.

    They look like {"deliveries": {"succeeded": ..., "failed": ..., "expired": ...}, "attempts": {..., "interrupted": ...}}.
    """
    outcomes = {"deliveries": ("succeeded", "failed", "expired"), "attempts": ("succeeded", "failed", "interrupted")}
    names = [f"{what}_{outcome}" for what, words in outcomes.items() for outcome in words]
    sums = DeliveryCount.objects.aggregate(**{f"sum_{name}": Sum(name, default=0) for name in names})
    return {what: {outcome: sums[f"sum_{what}_{outcome}"] for outcome in words} for what, words in outcomes.items()}
