"""How far visitors and operators have read a conversation."""

from typing import Any, ClassVar

from django.db import models

from accounts.models import Operator, Workspace
from conversations.models.conversations import Conversation
from praxtalk.core.db.constraints import same_workspace


class OperatorReadState(models.Model):
    """The position up to which one operator has read a conversation.

    It decreases only when the conversation becomes unread again without a new entry: the operator marks it as unread, or it is
    assigned to them. `highest_position` is where it was before, so that nobody is alerted to an entry that they have seen.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+", db_index=False)
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="read_states", db_index=False)
    operator = models.ForeignKey(Operator, on_delete=models.CASCADE, related_name="+")
    position = models.PositiveIntegerField(default=0)
    highest_position = models.PositiveIntegerField(
        default=0, db_default=0
    )  # meaningful only while it is above `position`

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["conversation", "operator"], name="operator_read_state_unique"),
            same_workspace("operator_read_state", "conversation", "conversations.Conversation"),
            same_workspace("operator_read_state", "operator", "accounts.Operator"),
        ]

    def __str__(self) -> str:
        return f"Read up to {self.position} in conversation {self.conversation_id}"

    @staticmethod
    def topic(operator_id: object) -> str:
        return f"operator_read_state.{operator_id}"


class ReadState(models.Model):
    """The positions up to which the visitor and the operators have read a conversation. They only increase."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+", db_index=False)
    conversation = models.OneToOneField(Conversation, on_delete=models.CASCADE, related_name="read_state")
    by_visitor = models.PositiveIntegerField(default=0)
    by_operators = models.PositiveIntegerField(default=0)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            same_workspace("read_state", "conversation", "conversations.Conversation"),
        ]

    def __str__(self) -> str:
        return f"Read states of conversation {self.conversation_id}"
