"""Activities, tags, notifications and transcripts of conversations."""

from typing import Any, ClassVar
from uuid import UUID

from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone

from accounts.models import Operator, Workspace
from conversations.models.conversations import Conversation
from conversations.models.messages import Note
from praxtalk.core.db.constraints import same_workspace
from praxtalk.core.db.ids import new_id

MAX_TAG_LENGTH = 40
MAX_TAGS = 20  # per conversation


class Activity(models.Model):
    """A thread entry that records who did what. `actor` is the name at that time. Visitors never see activities."""

    class Kind(models.TextChoices):
        STATUS = "status"
        ASSIGNED = "assigned"
        TAGGED = "tagged"
        BLOCKED = "blocked"
        TRANSCRIPT = "transcript"
        RATED = "rated"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="+", db_index=False)
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="activities")
    position = models.PositiveIntegerField()  # numbered together with messages and notes
    kind = models.CharField(max_length=10, choices=Kind.choices)
    operator = models.ForeignKey(Operator, on_delete=models.SET_NULL, null=True, related_name="+")
    actor = models.CharField(max_length=200)
    details = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "conversation", "position"], name="activity_position_unique"),
            same_workspace("activity", "conversation", "conversations.Conversation"),
            same_workspace("activity", "operator", "accounts.Operator"),
        ]

    def __str__(self) -> str:
        return f"{self.actor}: {self.kind}"


class Tag(models.Model):
    """A label with which operators group conversations. Tags belong to the whole workspace, not to one brand."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="tags")
    name = models.CharField(max_length=MAX_TAG_LENGTH)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["id", "workspace"], name="tag_in_workspace"),
            models.UniqueConstraint("workspace", Lower("name"), name="tag_name_unique"),
        ]

    def __str__(self) -> str:
        return self.name

    @staticmethod
    def topic(workspace_id: UUID) -> str:
        """Return the topic to publish when a tag of the workspace is created, renamed or deleted."""
        return f"tags.{workspace_id}"


class ConversationTag(models.Model):
    """The assignment of a tag to a conversation."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+", db_index=False)
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="tagged")
    tag = models.ForeignKey(Tag, on_delete=models.CASCADE, related_name="+")

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["conversation", "tag"], name="conversation_tag_unique"),
            same_workspace("conversation_tag", "conversation", "conversations.Conversation"),
            same_workspace("conversation_tag", "tag", "conversations.Tag"),
        ]

    def __str__(self) -> str:
        return f"Tag of conversation {self.conversation_id}"


class Notification(models.Model):
    """A notification for one operator: a note mentions them, or somebody assigned a conversation to them, or took one from them.

    note: set for a mention. conversation, assigned_by: set for the others; assigned_by is the name of who did it, at that time.
    is_loss: whether the conversation was taken from the operator. assigned_to: then the new assignee's name; "" if there is none.
    seen_at: when the operator saw it. mailed_at: when an e-mail was sent, given up, or no longer needed.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+", db_index=False)
    note = models.ForeignKey(Note, on_delete=models.CASCADE, null=True, related_name="mentions")
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, null=True, related_name="+")
    assigned_by = models.CharField(max_length=200, default="", db_default="")
    is_loss = models.BooleanField(default=False, db_default=False)
    assigned_to = models.CharField(max_length=200, default="", db_default="")
    operator = models.ForeignKey(Operator, on_delete=models.CASCADE, related_name="+")
    seen_at = models.DateTimeField(null=True)
    mailed_at = models.DateTimeField(null=True)
    mail_attempts = models.PositiveSmallIntegerField(default=0, db_default=0)
    mail_due_at = models.DateTimeField(null=True)  # of the next attempt; null before the first one
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "conversations_mention"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["note", "operator"], name="mention_unique"),
            models.CheckConstraint(
                condition=models.Q(note__isnull=True) ^ models.Q(conversation__isnull=True),
                name="mention_of_note_or_assignment",
            ),
            same_workspace("mention", "note", "conversations.Note"),
            same_workspace("mention", "conversation", "conversations.Conversation"),
            same_workspace("mention", "operator", "accounts.Operator"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index("operator", "created_at", condition=models.Q(seen_at__isnull=True), name="mention_unseen"),
            models.Index(
                "created_at", condition=models.Q(seen_at__isnull=True, mailed_at__isnull=True), name="mention_to_mail"
            ),
        ]

    def __str__(self) -> str:
        return (
            f"Mention in note {self.note_id}" if self.note_id else f"Assignment of conversation {self.conversation_id}"
        )

    @property
    def subject(self) -> Conversation:
        """Return the conversation that the notification is about. Reads the note: load it first."""
        conversation = self.note.conversation if self.note else self.conversation
        assert conversation is not None  # noqa: S101 - a constraint ensures that one of the two is set
        return conversation

    @staticmethod
    def topic(operator_id: object) -> str:
        return f"mentions.{operator_id}"


class Transcript(models.Model):
    """A conversation to send by e-mail. The row is deleted once the e-mail is sent or given up."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+", db_index=False)
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="+")
    email = models.EmailField(max_length=254)
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            same_workspace("transcript", "conversation", "conversations.Conversation"),
        ]

    def __str__(self) -> str:
        return f"Transcript of conversation {self.conversation_id}"
