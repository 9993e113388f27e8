"""E-mail replies to a visitor who has left the site.

1. A reply schedules an e-mail for five minutes later, unless one is scheduled already (`conversations.actions`).
2. When the e-mail is due, all replies that the visitor has neither seen nor been sent go into it. They are selected under the
   conversation's row lock. If there are none, the schedule is cleared.
3. The due time is postponed, and the e-mail is sent with no transaction open. See accounts/mail.py.
4. After it is sent, the position of the last reply in it is stored, and replies that were written since are scheduled. If
   sending fails, or the process is killed, step 2 follows at the postponed time. If the e-mail is given up, nothing is due until
   the next reply.
"""

from dataclasses import dataclass
from email.utils import formataddr, parseaddr
from functools import partial

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.utils import timezone

from accounts.mail import MailRun, Outcome, retry_delay
from accounts.models import MailFailure
from conversations.actions import REPLY_MAIL_DELAY
from conversations.models import Conversation, Message
from conversations.timeline import messages_of
from praxtalk.core.mail.headers import ascii_address, one_line
from praxtalk.core.mail.templated import templated_mail
from widget.magic_links import magic_link
from widget.translations import RIGHT_TO_LEFT, language_of, texts_of

MAX_REPLIES_PER_EMAIL = 20


@dataclass(frozen=True)
class DueReplies:
    """The replies of a conversation that are due. messages: oldest first. last_position: the position of the last one."""

    conversation: Conversation
    messages: list[Message]
    last_position: int


def mail_replies() -> int:
    """Send the e-mails that are due, one per conversation. Return how many were sent."""
    run = MailRun(MailFailure.Kind.REPLY)
    while run.should_continue and (due := _next_due()) is not None:
        conversation = due.conversation
        outcome = run.send(
            partial(_email, due),
            tries=conversation.mail_attempts,
            workspace_id=conversation.workspace_id,
            brand_id=conversation.brand_id,
            row=conversation.pk,
        )
        if outcome != Outcome.RETRY:
            _finish(due, is_sent=outcome == Outcome.SENT)
    return run.sent


def _next_due() -> DueReplies | None:
    while True:
        with transaction.atomic():
            rows = Conversation.objects.filter(mail_due_at__lte=timezone.now()).order_by("mail_due_at")
            rows = rows.select_related("visitor", "brand", "read_state")
            conversation = rows.select_for_update(of=("self",), no_key=True, skip_locked=True).first()
            if conversation is None:
                return None
            messages = _unseen(conversation)
            if messages:
                conversation.mail_attempts += 1
                conversation.mail_due_at = timezone.now() + retry_delay(conversation.mail_attempts)
            else:
                conversation.mail_attempts, conversation.mail_due_at = 0, None
            conversation.save(update_fields=["mail_attempts", "mail_due_at"])
        if messages:
            return DueReplies(conversation, messages[-MAX_REPLIES_PER_EMAIL:], messages[-1].position)


def _unseen(conversation: Conversation) -> list[Message]:
    read_state = getattr(conversation, "read_state", None)
    since = max(conversation.mailed_position, read_state.by_visitor if read_state else 0)
    rows = messages_of(conversation).filter(position__gt=since).exclude(role=Message.Role.VISITOR)
    return list(rows.order_by("position"))


def _finish(due: DueReplies, *, is_sent: bool) -> None:
    """Update the schedule after an e-mail was sent or given up.

    The replies of an e-mail that was given up are part of the next e-mail. Replies written since are scheduled for later.
    """
    with transaction.atomic():
        if row := _locked(due):
            if is_sent:
                row.mailed_position = max(row.mailed_position, due.last_position)
            has_more = any(message.position > due.last_position for message in _unseen(row))
            row.mail_due_at = timezone.now() + REPLY_MAIL_DELAY if has_more else None
            row.mail_attempts = 0
            row.save(update_fields=["mailed_position", "mail_attempts", "mail_due_at"])


def _locked(due: DueReplies) -> Conversation | None:
    """Lock the conversation's row. Return None if the visitor was erased in the meantime."""
    rows = Conversation.objects.filter(workspace_id=due.conversation.workspace_id, pk=due.conversation.pk)
    return rows.select_for_update(no_key=True).first()


def _email(due: DueReplies) -> EmailMessage:
    visitor, brand = due.conversation.visitor, due.conversation.brand
    visitor.brand = brand
    language = language_of(visitor.locale)
    texts = texts_of(brand, language)
    context = {
        "texts": texts,
        "language": language,
        "direction": "rtl" if language in RIGHT_TO_LEFT else "ltr",
        "messages": due.messages,
        "brand": brand,
        "link": magic_link(visitor),
    }
    address = brand.email_from or parseaddr(settings.DEFAULT_FROM_EMAIL)[1]
    subject = texts["mailSubject"].replace("{brand}", one_line(brand.name))
    sender = formataddr((one_line(brand.name), ascii_address(address)))
    return templated_mail("widget/replies", context, subject=subject, to=visitor.email, from_email=sender)
