"""Request a transcript: the conversation as an e-mail."""

from conversations.actions._base import add_activity, locked
from conversations.models import Activity, Conversation, Transcript
from praxtalk.core.db.transactions import joined_transaction
from praxtalk.core.live.topics import publish_on_commit


class NoAddress(ValueError):
    """The visitor has not given an e-mail address."""


@joined_transaction()
def request_transcript(conversation: Conversation, *, email: str | None = None) -> Transcript:
    """Queue an e-mail with the conversation's messages.

    Requests for the same address before the first attempt to send share one e-mail. email: the recipient; None for the visitor.
    Raises NoAddress if the visitor has no address.
    """
    conversation = locked(conversation)
    address = email or conversation.visitor.email
    if not address:
        raise NoAddress("the visitor has told no e-mail address")
    rows = Transcript.objects.filter(workspace_id=conversation.workspace_id, conversation=conversation)
    if waiting := rows.filter(email=address, attempts=0).first():
        return waiting
    transcript = Transcript.objects.create(
        workspace_id=conversation.workspace_id, conversation=conversation, email=address
    )
    add_activity(conversation, Activity.Kind.TRANSCRIPT, to=address)
    publish_on_commit(conversation.thread_topic)
    return transcript
