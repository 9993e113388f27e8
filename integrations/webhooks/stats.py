"""Counts of how deliveries and attempts ended, by subscription and day. They are kept when the counted rows are deleted."""

from dataclasses import dataclass

from django.db.models import Count, Min, Sum
from django.utils import timezone

from integrations.models import Delivery, DeliveryCount, WebhookSubscription


@dataclass(frozen=True)
class Backlog:
    """The unfinished deliveries and the automatically paused subscriptions of all workspaces, at one moment."""

    oldest_due_seconds: float
    due: int
    in_flight: int
    held: int
    auto_paused: int


def current_backlog() -> Backlog:
    """Return the current backlog. The partial indexes of unfinished deliveries make the counts fast."""
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
    """Return the sums of all counts, by "deliveries" or "attempts" and then by how they ended, such as "succeeded"."""
    outcomes = {"deliveries": ("succeeded", "failed", "expired"), "attempts": ("succeeded", "failed", "interrupted")}
    names = [f"{what}_{outcome}" for what, ends in outcomes.items() for outcome in ends]
    sums = DeliveryCount.objects.aggregate(**{f"sum_{name}": Sum(name, default=0) for name in names})
    return {what: {outcome: sums[f"sum_{what}_{outcome}"] for outcome in ends} for what, ends in outcomes.items()}
