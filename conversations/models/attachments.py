"""Files that are attached to messages."""

from typing import Any, ClassVar

from django.core.files.storage import Storage, storages
from django.db import models
from django.utils import timezone

from accounts.models import Workspace
from conversations.models.conversations import Conversation
from praxtalk.core.db.constraints import CompositeForeignKey, same_workspace
from praxtalk.core.db.ids import new_id

MAX_FILE_BYTES = 10 * 2**20
MAX_FILE_NAME_LENGTH = 200


def storage() -> Storage:
    """Return the storage `attachments` of Django's STORAGES setting, which holds the contents."""
    return storages["attachments"]


def storage_path(attachment: "Attachment", name: str) -> str:
    """Return the path in the storage. It contains nothing that the sender chose."""
    return f"{attachment.workspace_id}/{attachment.pk}"


class Attachment(models.Model):
    """One file of a message. `Message.attachments` repeats what lists of messages show, so that they read only one table.

    content_type: detected from the content, never what the sender claims.
    width, height: in pixels; None if the file is not an image.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="+", db_index=False)
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="+")
    position = models.PositiveIntegerField()  # of the message
    name = models.CharField(max_length=MAX_FILE_NAME_LENGTH)
    content_type = models.CharField(max_length=40)
    size = models.PositiveIntegerField()  # bytes
    width = models.PositiveIntegerField(null=True)
    height = models.PositiveIntegerField(null=True)
    file = models.FileField(storage=storage, upload_to=storage_path)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            same_workspace("attachment", "conversation", "conversations.Conversation"),
            CompositeForeignKey(
                name="attachment_message",
                fields=("workspace", "conversation", "position"),
                to="conversations.Message",
                to_fields=("workspace", "conversation", "position"),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def brand_id(self) -> Any:
        """Return the id of the conversation's brand. Reads the conversation: load it first."""
        return self.conversation.brand_id
