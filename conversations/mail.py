"""Send the e-mails of the inbox: transcripts that operators request, and mentions and assignments that they have not seen.

1. Lock one row that is due and postpone its next attempt.
2. Send the e-mail with no transaction open, see accounts/mail.py. Once it is sent or given up, delete the row of a transcript,
   or mark the mention.
"""

from datetime import timedelta
from email.utils import formataddr, parseaddr
from functools import partial

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import Q, QuerySet
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from accounts.actions.preferences import preferences_of
from accounts.mail import MailRun, Outcome, retry_delay
from accounts.models import MailFailure, Operator
from accounts.scope import scope_of
from conversations.models import Conversation, Mention, Transcript
from conversations.timeline import messages_of
from praxtalk.core.mail.headers import one_line

MENTION_DELAY = timedelta(minutes=5)
MAX_MENTION_AGE = timedelta(days=1)
MAX_TRANSCRIPT_MESSAGES = 1_000
MENTION_RELATIONS = ("note__author", "note__conversation__visitor", "conversation__visitor")
MAX_LISTED_ASSIGNMENTS = 20  # conversations in one e-mail about assignments


def send_transcripts() -> int:
    """Send the transcripts that are due. Return how many were sent."""
    run = MailRun(MailFailure.Kind.TRANSCRIPT)
    while run.should_continue and (transcript := _claim_transcript()):
        outcome = run.send(
            partial(_transcript_email, transcript),
            tries=transcript.attempts,
            workspace_id=transcript.workspace_id,
            brand_id=transcript.conversation.brand_id,
            row=transcript.pk,
        )
        if outcome != Outcome.RETRY:
            Transcript.objects.filter(workspace_id=transcript.workspace_id, pk=transcript.pk).delete()
    return run.sent


def _claim_transcript() -> Transcript | None:
    with transaction.atomic():
        due = Transcript.objects.filter(due_at__lte=timezone.now()).order_by("due_at")
        rows = due.select_related("conversation").select_for_update(of=("self",), skip_locked=True)
        transcript = rows.first()
        if transcript:
            transcript.attempts += 1
            transcript.due_at = timezone.now() + retry_delay(transcript.attempts)
            transcript.save(update_fields=["attempts", "due_at"])
        return transcript


def _transcript_email(transcript: Transcript) -> EmailMessage:
    rows = Conversation.objects.select_related("visitor", "brand").filter(workspace_id=transcript.workspace_id)
    conversation = rows.get(pk=transcript.conversation_id)
    messages = list(messages_of(conversation).order_by("-position")[:MAX_TRANSCRIPT_MESSAGES])[::-1]
    operators = Operator.objects.filter(workspace_id=transcript.workspace_id, is_active=True)
    context = {
        "conversation": conversation,
        "brand": conversation.brand,
        "messages": messages,
        "is_for_operator": operators.filter(email__iexact=transcript.email).exists(),
    }
    return EmailMessage(
        f"Your conversation with {one_line(conversation.brand.name)}",
        render_to_string("conversations/transcript.txt", context),
        formataddr((one_line(conversation.brand.name), parseaddr(settings.DEFAULT_FROM_EMAIL)[1])),
        [transcript.email],
    )


def send_notification_emails() -> int:
    """E-mail operators about mentions and assignments that they have not seen for five minutes, unless they turned this off.
    One e-mail lists all assignments of an operator. Return how many e-mails were sent."""
    run = MailRun(MailFailure.Kind.MENTION)
    while run.should_continue and (mention := _claim_mention()):
        operator, brand_id = mention.operator, mention.subject.brand_id
        wants = preferences_of(operator)["mentionMails"] and operator.is_active
        if not wants or not scope_of(operator).sees_brand(brand_id):
            _mark_mailed([mention])
            continue
        assigned = [] if mention.note else [mention, *_claim_assignments(operator)]
        outcome = run.send(
            partial(_assignments_email, assigned) if assigned else partial(_mention_email, mention),
            tries=mention.mail_attempts,
            workspace_id=mention.workspace_id,
            brand_id=brand_id,
            row=mention.pk,
        )
        if outcome != Outcome.RETRY:
            _mark_mailed(assigned or [mention])
    return run.sent


def _mark_mailed(mentions: list[Mention]) -> None:
    ids = [mention.pk for mention in mentions]
    Mention.objects.filter(workspace_id=mentions[0].workspace_id, pk__in=ids).update(mailed_at=timezone.now())


def _claim_mention() -> Mention | None:
    with transaction.atomic():
        mention = _due_mentions().select_related("operator", *MENTION_RELATIONS).first()
        if mention:
            _claim([mention])
        return mention


def _claim_assignments(operator: Operator) -> list[Mention]:
    """Return the operator's assignments that are due, in brands that they still see, and postpone their next attempts."""
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
        _claim(found)
        return found


def _claim(mentions: list[Mention]) -> None:
    """Count an attempt of each, and postpone its next one. The rows must be locked."""
    now = timezone.now()
    for mention in mentions:
        mention.mail_attempts += 1
        mention.mail_due_at = now + retry_delay(mention.mail_attempts)
    Mention.objects.bulk_update(mentions, ["mail_attempts", "mail_due_at"])


def _due_mentions() -> QuerySet[Mention, Mention]:
    now = timezone.now()
    is_due = Q(
        seen_at__isnull=True, mailed_at__isnull=True, created_at__range=(now - MAX_MENTION_AGE, now - MENTION_DELAY)
    )
    is_due &= Q(mail_due_at__isnull=True) | Q(mail_due_at__lte=now)
    return Mention.objects.filter(is_due).order_by("created_at").select_for_update(of=("self",), skip_locked=True)


def _mention_email(mention: Mention) -> EmailMessage:
    note = mention.note
    assert note is not None  # noqa: S101 - for the type checker: the caller has checked it
    context = {"note": note, "url": _inbox_url(note.conversation)}
    text = render_to_string("conversations/mention.txt", context)
    return EmailMessage(f"{one_line(note.sender)} mentioned you on PraxTalk", text, to=[mention.operator.email])


def _assignments_email(assigned: list[Mention]) -> EmailMessage:
    first, count = assigned[0], len(assigned)
    what = "a conversation" if count == 1 else f"{count:,} conversations"
    context = {
        "what": what,
        "assignments": [(each, _inbox_url(each.subject)) for each in assigned[:MAX_LISTED_ASSIGNMENTS]],
        "more": max(0, count - MAX_LISTED_ASSIGNMENTS),
    }
    text = render_to_string("conversations/assignment.txt", context)
    subject = f"{one_line(first.assigned_by)} assigned {what} to you on PraxTalk"
    return EmailMessage(subject, text, to=[first.operator.email])


def _inbox_url(conversation: Conversation) -> str:
    return settings.BASE_URL + reverse("inbox_conversation", args=[conversation.pk])
