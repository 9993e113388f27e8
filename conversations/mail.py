"""E-mails out of the inbox: transcripts that operators ask for, and mentions that nobody has looked at.

1. Taken: one row that is due is put off by its next wait, under its row's lock.
2. Sent, with no transaction open. A transcript's row is deleted then, or after a day of trying; a mention is marked. Mentions
   wait for the next run while no mail server is to be had, for a day.
"""

import smtplib
from datetime import timedelta
from email.utils import formataddr, parseaddr

import structlog
from django.conf import settings
from django.core.mail import EmailMessage, send_mail
from django.db import transaction
from django.db.models import Q, QuerySet
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from brands.models import Operator
from brands.preferences import preferences_of
from brands.scope import scope_of
from conversations.models import Conversation, Mention, Transcript
from conversations.threads import messages_of
from praxtalk.data.headers import one_line

MENTION_WAITS = timedelta(minutes=5)
A_DAY = timedelta(days=1)
MOST_ATTEMPTS = 25  # about a day
LONGEST_WAIT_MINUTES = 60
MOST_MESSAGES = 1_000
MOST_LISTED = 20  # conversations, in one e-mail about assignments
FAULTS = (OSError, smtplib.SMTPException)

log = structlog.get_logger("praxtalk.conversations")


def send_transcripts() -> int:
    """Send what is due. How many were sent."""
    sent = 0
    while transcript := _take_transcript():
        try:
            _transcript_email(transcript).send()
            sent += 1
        except FAULTS as error:
            log.warning("a transcript could not be sent", transcript=transcript.pk, error=type(error).__name__)
            if transcript.attempts < MOST_ATTEMPTS:
                continue
        Transcript.objects.filter(workspace_id=transcript.workspace_id, pk=transcript.pk).delete()
    return sent


def _take_transcript() -> Transcript | None:
    with transaction.atomic():
        due = Transcript.objects.filter(due_at__lte=timezone.now()).order_by("due_at")
        transcript = due.select_for_update(skip_locked=True).first()
        if transcript:
            transcript.due_at = timezone.now() + timedelta(minutes=min(LONGEST_WAIT_MINUTES, 2**transcript.attempts))
            transcript.attempts += 1
            transcript.save(update_fields=["attempts", "due_at"])
        return transcript


def _transcript_email(transcript: Transcript) -> EmailMessage:
    rows = Conversation.objects.select_related("visitor", "brand").filter(workspace_id=transcript.workspace_id)
    conversation = rows.get(pk=transcript.conversation_id)
    messages = list(messages_of(conversation).order_by("-position")[:MOST_MESSAGES])[::-1]
    operators = Operator.objects.filter(workspace_id=transcript.workspace_id, is_active=True)
    told = {
        "conversation": conversation,
        "brand": conversation.brand,
        "messages": messages,
        "is_for_operator": operators.filter(email__iexact=transcript.email).exists(),
    }
    return EmailMessage(
        f"Your conversation with {one_line(conversation.brand.name)}",
        render_to_string("conversations/transcript.txt", told),
        formataddr((one_line(conversation.brand.name), parseaddr(settings.DEFAULT_FROM_EMAIL)[1])),
        [transcript.email],
    )


def mail_mentions() -> int:
    """Tell by e-mail who was mentioned, or given a conversation, five minutes ago, wants such e-mails, and has not looked. How
    many were sent. All conversations that somebody was given are told in one e-mail."""
    sent = 0
    while mention := _take_mention():
        operator = mention.operator
        wants = preferences_of(operator)["mentionMails"] and operator.is_active
        if not wants or not scope_of(operator).sees_brand(mention.subject.brand_id):
            continue
        assigned = [] if mention.note else [mention, *_take_assignments(operator)]
        subject, text = _of_assignments(assigned) if assigned else _of_mention(mention)
        try:
            send_mail(subject, text, settings.DEFAULT_FROM_EMAIL, [operator.email])
            sent += 1
        except FAULTS as error:
            log.warning("a mention could not be sent", mention=mention.pk, error=type(error).__name__)
            if not isinstance(error, smtplib.SMTPRecipientsRefused):
                ids = [mention.pk, *(each.pk for each in assigned)]
                Mention.objects.filter(workspace_id=mention.workspace_id, pk__in=ids).update(mailed_at=None)
                break
    return sent


def _take_mention() -> Mention | None:
    with transaction.atomic():
        mention = _due_mentions().select_related("operator", "note__author", "note__conversation__visitor").first()
        if mention:
            mention.mailed_at = timezone.now()
            mention.save(update_fields=["mailed_at"])
        return mention


def _take_assignments(operator: Operator) -> list[Mention]:
    """All that the operator was given and is due; of brands that they still see."""
    with transaction.atomic():
        rows = (
            _due_mentions()
            .filter(operator=operator, conversation__isnull=False)
            .select_related("conversation__visitor")
        )
        scope = scope_of(operator)
        if scope.brand_ids is not None:
            rows = rows.filter(conversation__brand_id__in=scope.brand_ids)
        found = list(rows)
        Mention.objects.filter(pk__in=[each.pk for each in found]).update(mailed_at=timezone.now())
        return found


def _due_mentions() -> QuerySet[Mention, Mention]:
    now = timezone.now()
    is_due = Q(seen_at__isnull=True, mailed_at__isnull=True, created_at__range=(now - A_DAY, now - MENTION_WAITS))
    return Mention.objects.filter(is_due).order_by("created_at").select_for_update(of=("self",), skip_locked=True)


def _of_mention(mention: Mention) -> tuple[str, str]:
    note = mention.note
    assert note is not None  # noqa: S101 - for the types: the caller has looked
    told = {"note": note, "url": _url_of(note.conversation)}
    return f"{one_line(note.sender)} mentioned you on PraxTalk", render_to_string("conversations/mention.txt", told)


def _of_assignments(assigned: list[Mention]) -> tuple[str, str]:
    first, count = assigned[0], len(assigned)
    what = "a conversation" if count == 1 else f"{count:,} conversations"
    told = {
        "what": what,
        "assignments": [(each, _url_of(each.subject)) for each in assigned[:MOST_LISTED]],
        "more": max(0, count - MOST_LISTED),
    }
    text = render_to_string("conversations/assignment.txt", told)
    return f"{one_line(first.assigned_by)} assigned {what} to you on PraxTalk", text


def _url_of(conversation: Conversation) -> str:
    return settings.BASE_URL + reverse("inbox_conversation", args=[conversation.pk])
