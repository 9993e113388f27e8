"""Send the e-mails of the inbox: transcripts that operators request, and notifications that they have not seen.

1. Lock one row that is due and postpone its next attempt.
2. Send the e-mail with no transaction open, see accounts/mail.py. Once it is sent or given up, delete the row of a transcript,
   or mark the notification.
"""

from datetime import timedelta
from email.utils import formataddr, parseaddr
from functools import partial

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils import timezone

from accounts.actions.preferences import preferences_of
from accounts.mail import MailRun, Outcome, retry_delay
from accounts.models import MailFailure, Operator
from accounts.scope import scope_of
from conversations.models import Conversation, Notification, Transcript
from conversations.timeline import messages_of
from praxtalk.core.mail.headers import one_line
from praxtalk.core.mail.templated import templated_mail

NOTIFICATION_DELAY = timedelta(minutes=5)
MAX_NOTIFICATION_AGE = timedelta(days=1)
MAX_TRANSCRIPT_MESSAGES = 1_000
NOTIFICATION_RELATIONS = ("note__author", "note__conversation__visitor", "conversation__visitor")
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
    name = one_line(conversation.brand.name)
    return templated_mail(
        "conversations/transcript",
        context,
        subject=f"Your conversation with {name}",
        to=transcript.email,
        from_email=formataddr((name, parseaddr(settings.DEFAULT_FROM_EMAIL)[1])),
    )


def send_notification_emails() -> int:
    """E-mail operators about mentions and assignments that they have not seen for five minutes, unless they turned this off.
    One e-mail lists all assignments of an operator. Return how many e-mails were sent."""
    run = MailRun(MailFailure.Kind.MENTION)
    while run.should_continue and (notification := _claim_notification()):
        operator, brand_id = notification.operator, notification.subject.brand_id
        is_wanted = preferences_of(operator)["mentionMails"] and operator.is_active
        if not is_wanted or not scope_of(operator).sees_brand(brand_id):
            _mark_mailed([notification])
            continue
        assignments = [] if notification.note else [notification, *_claim_assignments(operator)]
        outcome = run.send(
            partial(_assignments_email, assignments) if assignments else partial(_mention_email, notification),
            tries=notification.mail_attempts,
            workspace_id=notification.workspace_id,
            brand_id=brand_id,
            row=notification.pk,
        )
        if outcome != Outcome.RETRY:
            _mark_mailed(assignments or [notification])
    return run.sent


def _mark_mailed(notifications: list[Notification]) -> None:
    ids = [notification.pk for notification in notifications]
    Notification.objects.filter(workspace_id=notifications[0].workspace_id, pk__in=ids).update(mailed_at=timezone.now())


def _claim_notification() -> Notification | None:
    with transaction.atomic():
        notification = _due_notifications().select_related("operator", *NOTIFICATION_RELATIONS).first()
        if notification:
            _claim([notification])
        return notification


def _claim_assignments(operator: Operator) -> list[Notification]:
    """Return the operator's assignments that are due, in brands that they still see, and postpone their next attempts."""
    with transaction.atomic():
        rows = (
            _due_notifications()
            .filter(operator=operator, conversation__isnull=False)
            .select_related("conversation__visitor")
        )
        scope = scope_of(operator)
        if scope.brand_ids is not None:
            rows = rows.filter(conversation__brand_id__in=scope.brand_ids)
        assignments = list(rows)
        _claim(assignments)
        return assignments


def _claim(notifications: list[Notification]) -> None:
    """Count an attempt for each notification, and postpone its next one. The rows must be locked."""
    now = timezone.now()
    for notification in notifications:
        notification.mail_attempts += 1
        notification.mail_due_at = now + retry_delay(notification.mail_attempts)
    Notification.objects.bulk_update(notifications, ["mail_attempts", "mail_due_at"])


def _due_notifications() -> QuerySet[Notification, Notification]:
    now = timezone.now()
    is_due = Q(
        seen_at__isnull=True,
        mailed_at__isnull=True,
        created_at__range=(now - MAX_NOTIFICATION_AGE, now - NOTIFICATION_DELAY),
    )
    is_due &= Q(mail_due_at__isnull=True) | Q(mail_due_at__lte=now)
    return Notification.objects.filter(is_due).order_by("created_at").select_for_update(of=("self",), skip_locked=True)


def _mention_email(mention: Notification) -> EmailMessage:
    note = mention.note
    assert note is not None  # noqa: S101 - for the type checker: the caller has checked it
    context = {"note": note, "url": _inbox_url(note.conversation)}
    subject = f"{one_line(note.sender)} mentioned you on PraxTalk"
    return templated_mail("conversations/mention", context, subject=subject, to=mention.operator.email)


def _assignments_email(assignments: list[Notification]) -> EmailMessage:
    first, count = assignments[0], len(assignments)
    what = "a conversation" if count == 1 else f"{count:,} conversations"
    context = {
        "what": what,
        "assignments": [(each, _inbox_url(each.subject)) for each in assignments[:MAX_LISTED_ASSIGNMENTS]],
        "more": max(0, count - MAX_LISTED_ASSIGNMENTS),
    }
    subject = f"{one_line(first.assigned_by)} assigned {what} to you on PraxTalk"
    return templated_mail("conversations/assignment", context, subject=subject, to=first.operator.email)


def _inbox_url(conversation: Conversation) -> str:
    return settings.BASE_URL + reverse("inbox_conversation", args=[conversation.pk])
