"""Request a transcript: the conversation as an e-mail."""

from conversations.actions._base import add_activity, lock_and_reload
from conversations.models import Activity, Conversation, Transcript
from praxtalk.core.db.transactions import joined_transaction
from praxtalk.core.live.topics import publish_on_commit


class NoEmailAddress(ValueError):
    """The visitor has not given an e-mail address."""


@joined_transaction()
def request_transcript(conversation: Conversation, *, email: str | None = None) -> Transcript:
    """Queue an e-mail with the conversation's messages.

    Requests for the same address before the first attempt to send share one e-mail. email: the recipient; None for the visitor.
    Raises NoEmailAddress if the visitor has no address.
    """
    conversation = lock_and_reload(conversation)
    address = email or conversation.visitor.email
    if not address:
        raise NoEmailAddress("the visitor has not given an e-mail address")
    rows = Transcript.objects.filter(workspace_id=conversation.workspace_id, conversation=conversation)
    if pending := rows.filter(email=address, attempts=0).first():
        return pending
    transcript = Transcript.objects.create(
        workspace_id=conversation.workspace_id, conversation=conversation, email=address
    )
    add_activity(conversation, Activity.Kind.TRANSCRIPT, to=address)
    publish_on_commit(conversation.thread_topic)
    return transcript
