"""The workspace's outside connections: API keys, webhook subscriptions, events and their deliveries."""

import ipaddress
from datetime import datetime
from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Func, Q
from django.utils import timezone

from brands.models import Brand, Operator, Workspace
from praxtalk.data.constraints import same_workspace
from praxtalk.data.ids import new_id

MAX_URL = 2048


class ApiKey(models.Model):
    """A key of the REST API. Its secret is shown once and kept as a SHA-256 digest; 214 random bits need no slow hash."""

    class Scope(models.TextChoices):
        READ = "read"
        WRITE = "write"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="api_keys")
    brand = models.ForeignKey(Brand, on_delete=models.CASCADE, null=True, blank=True, related_name="api_keys")
    name = models.CharField(max_length=100)
    scope = models.CharField(max_length=5, choices=Scope.choices)
    digest = models.BinaryField(max_length=32, unique=True, editable=False)
    prefix = models.CharField(max_length=16, editable=False)
    last_four = models.CharField(max_length=4, editable=False)
    allowed_cidrs = ArrayField(models.CharField(max_length=43), default=list, blank=True)
    created_by = models.ForeignKey(Operator, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(condition=Q(scope__in=["read", "write"]), name="api_key_scope_known"),
            same_workspace("api_key", "brand", "brands.Brand"),
            same_workspace("api_key", "created_by", "brands.Operator"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}...{self.last_four})"

    @property
    def may_write(self) -> bool:
        return self.scope == self.Scope.WRITE

    def is_valid_at(self, moment: datetime) -> bool:
        """Neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > moment)

    def lists_address(self, address: str) -> bool:
        """Whether the key has an allowlist and it holds this IP address."""
        try:
            ip = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(ip in ipaddress.ip_network(cidr) for cidr in self.allowed_cidrs)


class EventName(models.TextChoices):
    """What a webhook can subscribe to."""

    CONVERSATION_CREATED = "conversation.created"
    CONVERSATION_STATUS_CHANGED = "conversation.status_changed"
    MESSAGE_CREATED = "message.created"
    LEAD_CREATED = "lead.created"
    LEAD_STATUS_CHANGED = "lead.status_changed"


class WebhookSubscription(models.Model):
    """Where to send which events. With a brand, only that brand's events."""

    class Status(models.TextChoices):
        ACTIVE = "active"
        PAUSED = "paused"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="webhooks", db_index=False)
    brand = models.ForeignKey(Brand, on_delete=models.CASCADE, null=True, blank=True, related_name="webhooks")
    url = models.CharField(max_length=MAX_URL)
    events = ArrayField(models.CharField(max_length=40, choices=EventName.choices))
    description = models.CharField(max_length=200, blank=True)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.ACTIVE)
    encrypted_secret = models.TextField(editable=False)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["id", "workspace"], name="webhook_in_workspace"),
            models.CheckConstraint(condition=Q(status__in=["active", "paused"]), name="webhook_status_known"),
            models.CheckConstraint(condition=Q(events__len__gte=1), name="webhook_has_events"),
            same_workspace("webhook", "brand", "brands.Brand"),
        ]
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["workspace", "status"], name="webhook_by_status")]

    def __str__(self) -> str:
        return self.url


class NextEventSequence(Func):
    """The database's next value, in the order in which events were recorded (not in which they commit)."""

    template = "nextval('integrations_event_sequence')"
    output_field = models.BigIntegerField()


class Event(models.Model):
    """A fact that committed, with the body that webhooks carry, frozen. `number` is its place in the feed (see feed.py)."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="events", db_index=False)
    brand = models.ForeignKey(Brand, on_delete=models.PROTECT, null=True, related_name="+")
    name = models.CharField(max_length=40, choices=EventName.choices)
    body = models.BinaryField()
    sequence = models.BigIntegerField(db_default=NextEventSequence(), editable=False)
    number = models.BigIntegerField(null=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["id", "workspace"], name="event_in_workspace"),
            models.UniqueConstraint(fields=["workspace", "number"], name="event_number_unique"),
            same_workspace("event", "brand", "brands.Brand"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["workspace", "sequence"], condition=Q(number__isnull=True), name="event_unnumbered"),
            models.Index(fields=["workspace", "brand", "number"], name="event_by_brand"),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.id}"


class EventFeed(models.Model):
    """The last number given to an event of this workspace; its row lock makes the numbering one writer."""

    workspace = models.OneToOneField(Workspace, on_delete=models.CASCADE, primary_key=True, related_name="event_feed")
    last_number = models.BigIntegerField(default=0)


class Delivery(models.Model):
    """One event for one subscription. The state machine is in webhooks/delivery.py."""

    class Status(models.TextChoices):
        PENDING = "pending"
        SUCCEEDED = "succeeded"
        FAILED = "failed"
        HELD = "held"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="deliveries", db_index=False)
    subscription = models.ForeignKey(WebhookSubscription, on_delete=models.CASCADE, related_name="deliveries")
    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="deliveries")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PENDING)
    attempts_made = models.PositiveSmallIntegerField(default=0)
    interruptions = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(default=timezone.now)
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
            models.Index(fields=["workspace", "-created_at", "-id"], name="delivery_newest"),
        ]

    def __str__(self) -> str:
        return f"Delivery {self.id}"


class Attempt(models.Model):
    """One POST of a delivery. `number` counts all attempts, interrupted ones too."""

    class Trigger(models.TextChoices):
        SCHEDULE = "schedule"
        MANUAL = "manual"

    class Outcome(models.TextChoices):
        STARTED = "started"
        SUCCEEDED = "succeeded"
        FAILED = "failed"
        INTERRUPTED = "interrupted"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="attempts")
    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="attempts")
    number = models.PositiveSmallIntegerField()
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
