"""Write internal notes."""

from collections.abc import Iterable

from accounts.models import Operator
from conversations.actions._base import can_access, lock_and_reload, next_position
from conversations.models import Conversation, Note, Notification
from praxtalk.core.db.transactions import joined_transaction
from praxtalk.core.live.topics import publish_on_commit


@joined_transaction()
def write_note(
    conversation: Conversation,
    *,
    author: Operator,
    body: str,
    client_id: str | None = None,
    mentioned: Iterable[Operator] = (),
) -> Note:
    """Add an internal note. Visitors, the REST API and webhooks never receive it.

    client_id: the sender's own id for the note. If a note with this id exists, it is returned and nothing changes.
    mentioned: the operators to notify. Inactive operators, those who do not see the conversation's brand, and the author are
    skipped.
    """
    conversation = lock_and_reload(conversation)
    rows = Note.objects.filter(workspace_id=conversation.workspace_id, conversation=conversation)
    if client_id and (existing := rows.filter(client_id=client_id).first()):
        return existing
    note = Note.objects.create(
        workspace_id=conversation.workspace_id,
        conversation=conversation,
        position=next_position(conversation),
        author=author,
        body=body,
        client_id=client_id,
    )
    notified = [each for each in mentioned if each != author and can_access(each, conversation)]
    Notification.objects.bulk_create(
        Notification(workspace_id=conversation.workspace_id, note=note, operator=each) for each in notified
    )
    publish_on_commit(conversation.thread_topic, *(Notification.topic(each.pk) for each in notified))
    return note
