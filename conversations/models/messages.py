"""Messages and internal notes."""

from typing import Any, ClassVar

from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q, Value
from django.db.models.functions import Length
from django.db.models.lookups import GreaterThanOrEqual, LessThanOrEqual
from django.utils import timezone
from django.utils.safestring import SafeString

from accounts.models import Operator, Workspace
from conversations.models.conversations import Channel, Conversation
from conversations.search import DeferWordsManager, WordsDigestField, WordsField, stale_words_index
from integrations.models import ApiKey
from praxtalk.core.db.constraints import same_workspace
from praxtalk.core.db.ids import new_id
from praxtalk.core.markup import markup_html, plain_html

MAX_BODY_LENGTH = 10_000
MAX_CLIENT_ID_LENGTH = 64
FORMER_OPERATOR = "Former operator"  # shown if the author's account was deleted


def body_length_constraint(model: str) -> models.CheckConstraint:
    length = Length("body")
    return models.CheckConstraint(
        condition=Q(GreaterThanOrEqual(length, 1)) & Q(LessThanOrEqual(length, MAX_BODY_LENGTH)),
        name=f"{model}_body_length",
    )


class Message(models.Model):
    """One message. `position` increases under the row lock of its conversation, so the order does not depend on clocks."""

    class Role(models.TextChoices):
        VISITOR = "visitor"
        OPERATOR = "operator"
        ATLAS = "atlas"  # the assistant

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="messages", db_index=False)
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="messages")
    position = models.PositiveIntegerField()
    role = models.CharField(max_length=10, choices=Role.choices)
    channel = models.CharField(max_length=10, choices=Channel.choices)
    author = models.ForeignKey(Operator, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    # The key that sent it over REST. If it named an operator, the message also has an author.
    api_key = models.ForeignKey(
        ApiKey, on_delete=models.SET_NULL, null=True, blank=True, related_name="+", db_index=False
    )
    api_key_name = models.CharField(max_length=100, blank=True, default="", db_default="")  # at the time of sending
    body = models.TextField()
    # The JSON of each `Attachment`.
    attachments = models.JSONField(default=list, blank=True, db_default=Value([], models.JSONField()))
    # The sender's own id for the message, by which a repeated message is recognised.
    client_id = models.CharField(max_length=MAX_CLIENT_ID_LENGTH, null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    words = WordsField("body")
    words_digest = WordsDigestField("body")

    objects = DeferWordsManager["Message"]()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "conversation", "position"], name="message_position_unique"),
            models.UniqueConstraint(fields=["workspace", "conversation", "client_id"], name="message_client_id_unique"),
            models.CheckConstraint(condition=Q(role__in=["visitor", "operator", "atlas"]), name="message_role_known"),
            models.CheckConstraint(
                condition=Q(channel__in=["widget", "api", "dashboard"]), name="message_channel_known"
            ),
            body_length_constraint("message"),
            same_workspace("message", "conversation", "conversations.Conversation"),
            same_workspace("message", "author", "accounts.Operator"),
            same_workspace("message", "api_key", "integrations.ApiKey"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            GinIndex(fields=["words"], name="message_by_words"),
            stale_words_index("body", name="message_stale_words"),
            models.Index("workspace", "created_at", condition=~Q(role="visitor"), name="message_replies_by_time"),
            models.Index("api_key", condition=Q(api_key__isnull=False), name="message_by_api_key"),
        ]

    def __str__(self) -> str:
        return f"Message {self.id}"

    @property
    def sender(self) -> str | None:
        """Return the name that operators see next to the message; None for a visitor's message. Reads the author: load it first.

        Never show it to visitors: the name of an API key is internal. It is "API" for a message that was sent through the REST
        API before PraxTalk stored the key.
        """
        if self.role == self.Role.VISITOR:
            return None
        if self.role == self.Role.ATLAS:
            return self.Role.ATLAS.label
        if self.author:
            return self.author.name
        return self.api_key_name or ("API" if self.channel == Channel.API else FORMER_OPERATOR)

    @property
    def body_html(self) -> SafeString:
        """Return the body as HTML. Visitors write plain text, so that code stays as they pasted it; others write Markdown."""
        return plain_html(self.body) if self.role == self.Role.VISITOR else markup_html(self.body)


class Note(models.Model):
    """An operator's internal note in the thread. Notes have their own table, so that no list of messages can leak one."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="notes", db_index=False)
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="notes")
    position = models.PositiveIntegerField()
    author = models.ForeignKey(Operator, on_delete=models.SET_NULL, null=True, related_name="+")
    body = models.TextField()
    client_id = models.CharField(max_length=MAX_CLIENT_ID_LENGTH, null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["id", "workspace"], name="note_in_workspace"),
            models.UniqueConstraint(fields=["workspace", "conversation", "client_id"], name="note_client_id_unique"),
            models.UniqueConstraint(fields=["workspace", "conversation", "position"], name="note_position_unique"),
            body_length_constraint("note"),
            same_workspace("note", "conversation", "conversations.Conversation"),
            same_workspace("note", "author", "accounts.Operator"),
        ]

    def __str__(self) -> str:
        return f"Note {self.id}"

    @property
    def sender(self) -> str:
        """Return the author's name. Reads the author: load it first."""
        return self.author.name if self.author else FORMER_OPERATOR

    @property
    def body_html(self) -> SafeString:
        """Return the body, which is in Markdown, as HTML."""
        return markup_html(self.body)
