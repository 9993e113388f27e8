"""Replies by e-mail to a visitor who has left.

1. A reply sets when it is due: five minutes after it, if none is due yet (conversations.actions).
2. Due: what the visitor has still not seen, and has not been sent, is taken together, under the row's lock. Nothing of that
   kind: it is due no more.
3. The conversation is leased for ten minutes, and the e-mail goes out with no transaction open.
4. Sent: the position is noted, and what came meanwhile is due anew. Failed, or killed here: the lease ends, and 2 follows.
5. The mail server is out of reach: the others wait for the next run. It refuses this address for good (5xx): nothing is due
   until the next reply.
"""

import smtplib
from dataclasses import dataclass
from datetime import timedelta
from email.utils import formataddr, parseaddr

import structlog
from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.template.loader import render_to_string
from django.utils import timezone

from conversations.actions import MAIL_AFTER
from conversations.models import Conversation, Message
from conversations.threads import messages_of
from praxtalk.data.headers import one_line
from widget.return_links import return_link
from widget.texts import language_of, texts_of

LEASE = timedelta(minutes=10)
MOST_QUOTED = 20
OF_ONE_EMAIL = (smtplib.SMTPRecipientsRefused, smtplib.SMTPSenderRefused, smtplib.SMTPDataError)

log = structlog.get_logger("praxtalk.widget")


@dataclass(frozen=True)
class Due:
    """A conversation whose newest replies are to be sent, oldest first. last_position: that of the last of them."""

    conversation: Conversation
    messages: list[Message]
    last_position: int


def mail_replies() -> int:
    """Send what is due, one e-mail a conversation. How many were sent."""
    sent = 0
    while (due := _next_due()) is not None:
        try:
            _email(due).send()
        except OF_ONE_EMAIL as error:
            _refused(due, error)
        except OSError as error:
            _log_failure(due, error)
            return sent
        else:
            _note_sent(due)
            sent += 1
    return sent


def _next_due() -> Due | None:
    while True:
        with transaction.atomic():
            rows = Conversation.objects.filter(mail_due_at__lte=timezone.now()).order_by("mail_due_at")
            rows = rows.select_related("visitor", "brand", "reading")
            conversation = rows.select_for_update(of=("self",), no_key=True, skip_locked=True).first()
            if conversation is None:
                return None
            messages = _unseen(conversation)
            conversation.mail_due_at = timezone.now() + LEASE if messages else None
            conversation.save(update_fields=["mail_due_at"])
        if messages:
            return Due(conversation, messages[-MOST_QUOTED:], messages[-1].position)


def _unseen(conversation: Conversation) -> list[Message]:
    reading = getattr(conversation, "reading", None)
    since = max(conversation.mailed_position, reading.by_visitor if reading else 0)
    rows = messages_of(conversation).filter(position__gt=since).exclude(role=Message.Role.VISITOR)
    return list(rows.order_by("position"))


def _note_sent(due: Due) -> None:
    with transaction.atomic():
        row = _locked(due)
        row.mailed_position = max(row.mailed_position, due.last_position)
        has_more = row.last_position > due.last_position and bool(_unseen(row))
        row.mail_due_at = timezone.now() + MAIL_AFTER if has_more else None
        row.save(update_fields=["mailed_position", "mail_due_at"])


def _refused(due: Due, error: Exception) -> None:
    _log_failure(due, error)
    if isinstance(error, smtplib.SMTPRecipientsRefused) and all(code >= 500 for code, _ in error.recipients.values()):
        with transaction.atomic():
            row = _locked(due)
            row.mail_due_at = None
            row.save(update_fields=["mail_due_at"])


def _log_failure(due: Due, error: Exception) -> None:
    """Without the address: it is the visitor's."""
    log.warning("an e-mail could not be sent", conversation=str(due.conversation.pk), error=type(error).__name__)


def _locked(due: Due) -> Conversation:
    rows = Conversation.objects.filter(workspace_id=due.conversation.workspace_id)
    return rows.select_for_update(no_key=True).get(pk=due.conversation.pk)


def _email(due: Due) -> EmailMessage:
    visitor, brand = due.conversation.visitor, due.conversation.brand
    visitor.brand = brand
    texts = texts_of(brand, language_of(visitor.locale))
    text = render_to_string(
        "widget/replies.txt",
        {"texts": texts, "messages": due.messages, "brand": brand, "link": return_link(visitor)},
    )
    address = brand.email_from or parseaddr(settings.DEFAULT_FROM_EMAIL)[1]
    subject = texts["mailSubject"].replace("{brand}", one_line(brand.name))
    return EmailMessage(subject, text, formataddr((one_line(brand.name), address)), [visitor.email])
