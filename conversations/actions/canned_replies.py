"""Create, change and delete canned replies."""

from typing import Any
from uuid import UUID

from accounts.scope import topics_of
from brands.models import Brand
from conversations.models import CANNED_REPLIES, CannedReply
from praxtalk.core.db.transactions import joined_transaction
from praxtalk.core.epoch import now_after
from praxtalk.core.live.topics import publish_on_commit


@joined_transaction()
def create_canned_reply(workspace_id: UUID, *, shortcut: str, body: str, brand: Brand | None = None) -> CannedReply:
    """Create a canned reply. brand: None for all brands. Raises ValidationError."""
    reply = CannedReply(workspace_id=workspace_id, brand=brand, shortcut=shortcut, body=body)
    reply.full_clean()
    reply.save()
    publish_on_commit(*topics_of(CANNED_REPLIES, workspace_id, reply.brand_id))
    return reply


@joined_transaction()
def change_canned_reply(reply: CannedReply, **values: Any) -> None:
    """Change the shortcut, body or brand. Raises ValidationError."""
    reply = CannedReply.objects.select_for_update(no_key=True).get(workspace_id=reply.workspace_id, pk=reply.pk)
    before = topics_of(CANNED_REPLIES, reply.workspace_id, reply.brand_id)
    for name, value in values.items():
        setattr(reply, name, value)
    reply.updated_at = now_after(reply.updated_at)
    reply.full_clean()
    reply.save(update_fields=[*values, "updated_at"])
    publish_on_commit(*before, *topics_of(CANNED_REPLIES, reply.workspace_id, reply.brand_id))


@joined_transaction()
def delete_canned_reply(reply: CannedReply) -> None:
    CannedReply.objects.filter(workspace_id=reply.workspace_id, pk=reply.pk).delete()
    publish_on_commit(*topics_of(CANNED_REPLIES, reply.workspace_id, reply.brand_id))
