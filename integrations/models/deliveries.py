"""Deliveries of events to subscriptions, their attempts, bulk replays, and daily counts that outlive them."""

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models import Workspace
from integrations.models.events import Event, EventName
from integrations.models.subscriptions import WebhookSubscription
from praxtalk.core.db.constraints import same_workspace
from praxtalk.core.db.ids import new_id


class Trigger(models.TextChoices):
    """What caused an attempt: the schedule, or a retry or replay by hand."""

    SCHEDULE = "schedule"
    MANUAL = "manual"


class Delivery(models.Model):
    """One event for one subscription. The state machine is in webhooks/delivery.py."""

    class Status(models.TextChoices):
        PENDING = "pending"
        SUCCEEDED = "succeeded"
        FAILED = "failed"
        HELD = "held"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="deliveries", db_index=False)
    subscription = models.ForeignKey(
        WebhookSubscription, on_delete=models.CASCADE, related_name="deliveries", db_index=False
    )
    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="deliveries")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PENDING)
    attempts_made = models.PositiveSmallIntegerField(default=0)  # those that count towards MAX_ATTEMPTS
    interruptions = models.PositiveSmallIntegerField(default=0)
    last_number = models.PositiveIntegerField(default=0)  # of the latest attempt, interrupted and manual ones included
    next_attempt_at = models.DateTimeField(default=timezone.now)
    next_trigger = models.CharField(max_length=10, choices=Trigger.choices, default=Trigger.SCHEDULE)
    lease = models.UUIDField(null=True, editable=False)
    leased_until = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["subscription", "event"], name="delivery_unique"),
            models.UniqueConstraint(fields=["id", "workspace"], name="delivery_in_workspace"),
            models.CheckConstraint(
                condition=Q(status__in=["pending", "succeeded", "failed", "held"]), name="delivery_status_known"
            ),
            models.CheckConstraint(
                condition=Q(lease__isnull=True, leased_until__isnull=True)
                | Q(lease__isnull=False, leased_until__isnull=False, status="pending"),
                name="delivery_lease_whole",
            ),
            same_workspace("delivery", "subscription", "integrations.WebhookSubscription"),
            same_workspace("delivery", "event", "integrations.Event"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["subscription", "next_attempt_at"],
                condition=Q(status="pending", lease__isnull=True),
                name="delivery_due",
            ),
            models.Index(
                fields=["subscription", "leased_until"], condition=Q(lease__isnull=False), name="delivery_leased"
            ),
            models.Index(fields=["subscription"], condition=Q(status="held"), name="delivery_held"),
            # For the lists of the REST API and the dashboard.
            models.Index(fields=["workspace", "-created_at", "-id"], name="delivery_newest"),
            models.Index(fields=["subscription", "-created_at", "-id"], name="delivery_by_webhook"),
            models.Index(
                fields=["workspace", "-created_at", "-id"], condition=Q(status="failed"), name="delivery_failed"
            ),
            models.Index(
                fields=["subscription", "-created_at", "-id"],
                condition=Q(status="failed"),
                name="delivery_failed_by_webhook",
            ),
            models.Index(
                fields=["workspace", "status", "-created_at", "-id"],
                condition=Q(status__in=["pending", "held"]),
                name="delivery_open",
            ),
        ]

    def __str__(self) -> str:
        return f"Delivery {self.id}"


class Attempt(models.Model):
    """One POST of a delivery. `number` counts every attempt, including interrupted and manual ones."""

    class Outcome(models.TextChoices):
        STARTED = "started"
        SUCCEEDED = "succeeded"
        FAILED = "failed"
        INTERRUPTED = "interrupted"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="attempts", db_index=False)
    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="attempts", db_index=False)
    number = models.PositiveIntegerField()
    trigger = models.CharField(max_length=10, choices=Trigger.choices, default=Trigger.SCHEDULE)
    outcome = models.CharField(max_length=12, choices=Outcome.choices, default=Outcome.STARTED)
    started_at = models.DateTimeField(default=timezone.now)
    duration_ms = models.PositiveIntegerField(null=True)
    status_code = models.PositiveSmallIntegerField(null=True)
    address = models.CharField(max_length=45, blank=True)
    response_body = models.TextField(blank=True)
    error = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["delivery", "number"], name="attempt_number_unique"),
            models.CheckConstraint(
                condition=Q(outcome__in=["started", "succeeded", "failed", "interrupted"]), name="attempt_outcome_known"
            ),
            same_workspace("attempt", "delivery", "integrations.Delivery"),
        ]

    def __str__(self) -> str:
        return f"Attempt {self.number} of {self.delivery_id}"


class Replay(models.Model):
    """A bulk replay: what to send again, and its progress. The dispatcher advances it; see actions/replays.py."""

    class Selection(models.TextChoices):
        FAILED = "failed"
        SUCCEEDED = "succeeded"
        MISSING = "missing"  # events for which the subscription has no delivery

    class Status(models.TextChoices):
        RUNNING = "running"
        DONE = "done"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="replays", db_index=False)
    subscription = models.ForeignKey(WebhookSubscription, on_delete=models.CASCADE, related_name="replays")
    what = models.CharField(max_length=10, choices=Selection.choices)
    event_name = models.CharField(max_length=40, choices=EventName.choices, blank=True)
    since = models.DateTimeField(null=True)
    until = models.DateTimeField()
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.RUNNING)
    total = models.PositiveIntegerField()
    done = models.PositiveIntegerField(default=0)
    reached_at = models.DateTimeField(null=True, editable=False)  # with reached_id: the last processed row
    reached_id = models.UUIDField(null=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(condition=Q(status__in=["running", "done"]), name="replay_status_known"),
            models.CheckConstraint(condition=Q(what__in=["failed", "succeeded", "missing"]), name="replay_what_known"),
            same_workspace("replay", "subscription", "integrations.WebhookSubscription"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["created_at"], condition=Q(status="running"), name="replay_running"),
        ]

    def __str__(self) -> str:
        return f"Replay {self.id}"


class DeliveryCount(models.Model):
    """How many of a subscription's deliveries and attempts ended in which way on one day (UTC).

    The row is kept after the events, the attempts and the subscription are deleted.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="delivery_counts")
    subscription = models.ForeignKey(
        WebhookSubscription, on_delete=models.SET_NULL, null=True, related_name="counts", db_index=False
    )
    day = models.DateField()
    deliveries_succeeded = models.PositiveBigIntegerField(default=0)
    deliveries_failed = models.PositiveBigIntegerField(default=0)
    deliveries_expired = models.PositiveBigIntegerField(default=0)
    attempts_succeeded = models.PositiveBigIntegerField(default=0)
    attempts_failed = models.PositiveBigIntegerField(default=0)
    attempts_interrupted = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["subscription", "day"], name="delivery_count_unique"),
            same_workspace("delivery_count", "subscription", "integrations.WebhookSubscription"),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.subscription_id}"
