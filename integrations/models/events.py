"""Events, and the feed that numbers them."""

from typing import Any, ClassVar

from django.db import models
from django.db.models import Func, Q
from django.utils import timezone

from accounts.models import Workspace
from brands.models import Brand
from praxtalk.core.db.constraints import same_workspace
from praxtalk.core.db.ids import new_id


class EventName(models.TextChoices):
    """The events to which a webhook can subscribe."""

    CONVERSATION_CREATED = "conversation.created"
    CONVERSATION_STATUS_CHANGED = "conversation.status_changed"
    MESSAGE_CREATED = "message.created"
    LEAD_CREATED = "lead.created"
    LEAD_STATUS_CHANGED = "lead.status_changed"


class NextEventSequence(Func):
    """The next value of the event sequence. It follows the order in which events are recorded, not in which they commit."""

    template = "nextval('integrations_event_sequence')"
    output_field = models.BigIntegerField()


class Event(models.Model):
    """A committed change, with the body that webhooks send, which never changes.

    `number` is its position in the feed (see feed.py).
    """

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
    """The last number assigned to an event of this workspace.

    Locking this row ensures that only one transaction at a time numbers events.
    """

    workspace = models.OneToOneField(Workspace, on_delete=models.CASCADE, primary_key=True, related_name="event_feed")
    last_number = models.BigIntegerField(default=0)
    purged_up_to = models.BigIntegerField(default=0)  # events up to this number have been deleted

    def __str__(self) -> str:
        return f"Event feed of workspace {self.workspace_id}"
