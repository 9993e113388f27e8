"""Files that come with messages."""

from typing import Any, ClassVar

from django.core.files.storage import Storage, storages
from django.db import models
from django.utils import timezone

from accounts.models import Workspace
from conversations.models.conversations import Conversation
from praxtalk.core.db.constraints import CompositeForeignKey, same_workspace
from praxtalk.core.db.ids import new_id

MAX_FILE = 10 * 2**20
MAX_FILE_NAME = 200


def storage() -> Storage:
    """Where the contents are: Django's storage `attachments`."""
    return storages["attachments"]


def storage_path(attachment: "Attachment", name: str) -> str:
    """In the storage: nothing of what the sender chose is in it."""
    return f"{attachment.workspace_id}/{attachment.pk}"


class Attachment(models.Model):
    """One file of a message. What its lists show of it stands in `Message.attachments` too, so that they read one table.

    content_type: found in the content, never what the sender claims.
    width, height: of an image, in pixels.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="+", db_index=False)
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="+")
    position = models.PositiveIntegerField()  # of its message
    name = models.CharField(max_length=MAX_FILE_NAME)
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
        """Reads the conversation: load it."""
        return self.conversation.brand_id
