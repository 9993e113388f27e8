"""Which operators look at a conversation now, and how far both sides have read it."""

from datetime import timedelta
from typing import Any, ClassVar

from django.db import models
from django.utils import timezone

from accounts.models import Operator, Workspace
from conversations.models.conversations import Conversation
from praxtalk.core.db.constraints import same_workspace

PRESENT_FOR = timedelta(seconds=30)
TYPING_FOR = timedelta(seconds=10)


class Presence(models.Model):
    """An operator who looks at a conversation. It expires PRESENT_FOR after the last report (`seen_at`)."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+", db_index=False)
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="+")
    operator = models.ForeignKey(Operator, on_delete=models.CASCADE, related_name="+")
    seen_at = models.DateTimeField(default=timezone.now)
    typing_until = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "conversation", "operator"], name="presence_unique"),
            same_workspace("presence", "conversation", "conversations.Conversation"),
            same_workspace("presence", "operator", "accounts.Operator"),
        ]
        indexes: ClassVar[list[models.Index]] = [models.Index("seen_at", name="presence_age")]

    @staticmethod
    def topic(workspace_id: object, conversation_id: object) -> str:
        return f"presence.{workspace_id}.{conversation_id}"


class OperatorReadState(models.Model):
    """The position up to which one operator has read a conversation. It only increases."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+", db_index=False)
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="readings", db_index=False)
    operator = models.ForeignKey(Operator, on_delete=models.CASCADE, related_name="+")
    position = models.PositiveIntegerField(default=0)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["conversation", "operator"], name="operator_reading_unique"),
            same_workspace("operator_reading", "conversation", "conversations.Conversation"),
            same_workspace("operator_reading", "operator", "accounts.Operator"),
        ]

    @staticmethod
    def topic(operator_id: object) -> str:
        return f"operator_reading.{operator_id}"


class ReadState(models.Model):
    """The positions up to which the visitor and the operators have read a conversation, and until when the visitor is typing.

    The positions only increase.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+", db_index=False)
    conversation = models.OneToOneField(Conversation, on_delete=models.CASCADE, related_name="reading")
    by_visitor = models.PositiveIntegerField(default=0)
    by_operators = models.PositiveIntegerField(default=0)
    visitor_typing_until = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            same_workspace("reading", "conversation", "conversations.Conversation"),
        ]
