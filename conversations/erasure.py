"""Erasing a visitor: all that they wrote, and all that was written to them and about them in their threads."""

from functools import partial
from uuid import UUID

from django.db import transaction

from brands.audit import Action, record
from conversations.models import Attachment, Conversation, Visitor
from integrations.retention import forget_events_about
from praxtalk.live.topics import changed


@transaction.atomic
def erase_visitor(visitor: Visitor, *, and_events_about: list[UUID]) -> int:
    """Delete the visitor with their conversations, files and events; how many conversations. and_events_about: more ids.

    The widgets that are open lose the thread; webhooks are sent nothing of it any more, be it owed. The audit log tells that
    it was done, and of whom it was only the id.
    """
    Visitor.objects.select_for_update().get(workspace_id=visitor.workspace_id, pk=visitor.pk)
    rows = Conversation.objects.filter(workspace_id=visitor.workspace_id, visitor_id=visitor.pk).select_for_update()
    conversations = list(rows.order_by("id"))
    files = [one.file for one in Attachment.objects.filter(conversation__in=conversations)]
    ids = [visitor.pk, *(one.pk for one in conversations), *and_events_about]
    forget_events_about(visitor.workspace_id, visitor.brand_id, ids, since=visitor.created_at)
    topics = {topic for conversation in conversations for topic in conversation.topics}
    Attachment.objects.filter(conversation__in=conversations).delete()
    Conversation.objects.filter(pk__in=[one.pk for one in conversations]).delete()
    Visitor.objects.filter(pk=visitor.pk).delete()
    record(
        Action.VISITOR_ERASED, workspace_id=visitor.workspace_id, subject=visitor.pk, conversations=len(conversations)
    )
    changed(*topics, Visitor.topic(visitor.workspace_id, visitor.pk))
    for file in files:
        transaction.on_commit(partial(file.delete, save=False))
    return len(conversations)
