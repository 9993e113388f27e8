"""Write internal notes."""

from collections.abc import Iterable

from accounts.models import Operator
from accounts.scope import scope_of
from conversations.actions._base import lock_and_reload, next_position
from conversations.models import Conversation, Mention, Note
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
    """Add an internal note, which visitors, REST calls and webhooks never receive.

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
    notified = [each for each in mentioned if each != author and _sees(each, conversation)]
    Mention.objects.bulk_create(
        Mention(workspace_id=conversation.workspace_id, note=note, operator=each) for each in notified
    )
    publish_on_commit(conversation.thread_topic, *(Mention.topic(each.pk) for each in notified))
    return note


def _sees(operator: Operator, conversation: Conversation) -> bool:
    is_colleague = operator.is_active and operator.workspace_id == conversation.workspace_id
    return is_colleague and scope_of(operator).sees_brand(conversation.brand_id)
