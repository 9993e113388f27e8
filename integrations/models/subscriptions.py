"""Webhook subscriptions: which events are sent to which URL."""

from datetime import datetime
from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models import Workspace
from brands.models import Brand
from integrations.models.events import EventName
from praxtalk.core.db.constraints import same_workspace
from praxtalk.core.db.ids import new_id
from praxtalk.core.db.lists import ListField
from praxtalk.core.http.addresses import MAX_URL

MAX_DESCRIPTION_LENGTH = 200


class WebhookSubscription(models.Model):
    """A URL and the events that are sent to it. With a brand, only that brand's events are sent.

    `encrypted_secret` always signs first. During a rotation, `encrypted_second_secret` signs second. It holds the new secret
    until the promotion, which swaps the two. Afterwards it holds the old secret, until `second_secret_ends_at`.
    """

    class Status(models.TextChoices):
        ACTIVE = "active"
        PAUSED = "paused"

    class PausedBy(models.TextChoices):
        OWNER = "owner"
        FAILING = "failing"  # paused automatically: every attempt failed for days
        GONE = "gone"  # paused automatically: the receiver answered 410

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="webhooks", db_index=False)
    brand = models.ForeignKey(Brand, on_delete=models.CASCADE, null=True, blank=True, related_name="webhooks")
    url = models.CharField(max_length=MAX_URL)
    events = ListField(models.CharField(max_length=40, choices=EventName.choices))
    description = models.CharField(max_length=MAX_DESCRIPTION_LENGTH, blank=True)
    encrypted_secret = models.TextField(editable=False)
    encrypted_second_secret = models.TextField(blank=True, editable=False)
    second_secret_ends_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now)

    status = models.CharField(max_length=10, choices=Status.choices, default=Status.ACTIVE)
    paused_by = models.CharField(max_length=10, choices=PausedBy.choices, blank=True)
    paused_at = models.DateTimeField(null=True, editable=False)
    holds_events = models.BooleanField(default=True)  # while paused: keep new events, or discard them
    next_probe_at = models.DateTimeField(null=True, editable=False)
    owners_notified_at = models.DateTimeField(null=True, editable=False)
    owner_mail_attempts = models.PositiveSmallIntegerField(default=0, db_default=0, editable=False)
    owner_mail_due_at = models.DateTimeField(null=True, editable=False)  # set by the first attempt
    verified_at = models.DateTimeField(null=True, editable=False)  # when a ping was last answered with 2xx
    failing_since = models.DateTimeField(null=True, editable=False)  # the first failed attempt since the last success
    gone_since = models.DateTimeField(null=True, editable=False)
    gone_responses = models.PositiveIntegerField(default=0, editable=False)  # consecutive 410 responses

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["id", "workspace"], name="webhook_in_workspace"),
            models.CheckConstraint(condition=Q(events__len__gte=1), name="webhook_has_events"),
            models.CheckConstraint(
                condition=Q(status="active", paused_by="", paused_at__isnull=True, next_probe_at__isnull=True)
                | Q(status="paused", paused_by__in=["owner", "failing", "gone"], paused_at__isnull=False),
                name="webhook_pause_whole",
            ),
            models.CheckConstraint(
                condition=Q(second_secret_ends_at__isnull=True) | ~Q(encrypted_second_secret=""),
                name="webhook_second_secret_whole",
            ),
            same_workspace("webhook", "brand", "brands.Brand"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["workspace", "status"], name="webhook_by_status"),
            models.Index(fields=["workspace", "id"], name="webhook_newest"),
            models.Index(fields=["next_probe_at"], condition=Q(next_probe_at__isnull=False), name="webhook_probes"),
        ]

    def __str__(self) -> str:
        return self.url

    @property
    def is_active(self) -> bool:
        return self.status == self.Status.ACTIVE

    def secrets_at(self, moment: datetime) -> tuple[str, ...]:
        """Return the encrypted secrets that sign at this moment: one or two, in signing order."""
        return signing_secrets(
            self.encrypted_secret, self.encrypted_second_secret, self.second_secret_ends_at, moment=moment
        )

    @property
    def is_rotating(self) -> bool:
        """Whether a new secret is waiting for its promotion."""
        return bool(self.encrypted_second_secret) and self.second_secret_ends_at is None


def signing_secrets(first: str, second: str, second_ends_at: datetime | None, *, moment: datetime) -> tuple[str, ...]:
    """Return those of a subscription's encrypted secrets that sign at this moment, in signing order."""
    is_over = second_ends_at is not None and second_ends_at <= moment
    return (first, second) if second and not is_over else (first,)
