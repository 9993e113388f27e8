"""What happened, once and for all, and its place in the feed."""

from typing import Any, ClassVar

from django.db import models
from django.db.models import Func, Q
from django.utils import timezone

from accounts.models import Workspace
from brands.models import Brand
from praxtalk.core.db.constraints import same_workspace
from praxtalk.core.db.ids import new_id


class EventName(models.TextChoices):
    """What a webhook can subscribe to."""

    CONVERSATION_CREATED = "conversation.created"
    CONVERSATION_STATUS_CHANGED = "conversation.status_changed"
    MESSAGE_CREATED = "message.created"
    LEAD_CREATED = "lead.created"
    LEAD_STATUS_CHANGED = "lead.status_changed"


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
            models.Index(fields=["workspace", "created_at", "id"], name="event_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.id}"


class EventFeed(models.Model):
    """The last number given to an event of this workspace; its row lock makes the numbering one writer."""

    workspace = models.OneToOneField(Workspace, on_delete=models.CASCADE, primary_key=True, related_name="event_feed")
    last_number = models.BigIntegerField(default=0)
    forgotten_number = models.BigIntegerField(default=0)  # up to here, events have been deleted
