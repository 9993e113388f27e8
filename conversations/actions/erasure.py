"""Erase a visitor: everything that they wrote, and everything that was written to or about them in their conversations."""

from functools import partial
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models.fields.files import FieldFile

from accounts.audit import Action, record
from conversations import presence
from conversations.models import Attachment, Conversation, Visitor
from integrations.retention import purge_events_about
from praxtalk.core.db.transactions import joined_transaction
from praxtalk.core.live.topics import publish_on_commit

log = structlog.get_logger("praxtalk.attachments")


def lock_conversations(visitor: Visitor) -> list[Conversation]:
    """Lock the visitor and their conversations until the transaction ends. Return the conversations, ordered by id."""
    Visitor.objects.select_for_update().get(workspace_id=visitor.workspace_id, pk=visitor.pk)
    rows = Conversation.objects.filter(workspace_id=visitor.workspace_id, visitor_id=visitor.pk).select_for_update()
    return list(rows.order_by("id"))


@joined_transaction()
def erase_visitor(visitor: Visitor, *, deleted_lead_ids: list[UUID]) -> int:
    """Delete the visitor with their conversations, files and events. Return the number of conversations.

    deleted_lead_ids: ids of leads that the caller deletes in the same transaction; their events are deleted too. Other
    leads remain, without a conversation, and their `updated_at` changes.

    Open widgets lose the thread, and pending webhook deliveries are dropped. Files are deleted after the commit. If the storage
    fails to delete a file, or the process is killed first, `orphaned_files` deletes it later. The audit log records the
    visitor's id, and how many conversations and leads were deleted.
    """
    conversations = lock_conversations(visitor)
    files = [each.file for each in Attachment.objects.filter(conversation__in=conversations)]
    ids = [visitor.pk, *(each.pk for each in conversations), *deleted_lead_ids]
    purge_events_about(visitor.workspace_id, visitor.brand_id, ids, since=visitor.created_at)
    topics = {topic for conversation in conversations for topic in conversation.topics}
    topics |= {presence.topic(visitor.workspace_id, conversation.pk) for conversation in conversations}
    Attachment.objects.filter(conversation__in=conversations).delete()
    Conversation.objects.filter(pk__in=[each.pk for each in conversations]).delete()
    Visitor.objects.filter(pk=visitor.pk).delete()
    record(
        Action.VISITOR_ERASED,
        workspace_id=visitor.workspace_id,
        subject=visitor.pk,
        conversations=len(conversations),
        leads=len(deleted_lead_ids),
    )
    publish_on_commit(*topics, Visitor.topic(visitor.workspace_id, visitor.pk))
    transaction.on_commit(partial(delete_files, files))
    return len(conversations)


def delete_files(files: list[FieldFile]) -> None:
    """Delete stored files whose rows have been deleted. A file that the storage cannot delete now is deleted later."""
    for file in files:
        try:
            file.delete(save=False)
        except Exception as error:  # storages raise errors of any kind; the other files are still deleted
            log.error("could not delete a file of erased messages; a later run retries", error=type(error).__name__)
