"""E-mails out of the inbox: transcripts that operators ask for, and mentions that nobody has looked at.

1. Taken: one row that is due is put off by its next pause, under its row's lock.
2. Sent, with no transaction open. See brands/mail.py. A transcript's row is deleted when it is sent or given up; a mention is
   marked then.
"""

from datetime import timedelta
from email.utils import formataddr, parseaddr
from functools import partial

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import Q
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from brands.mail import MailRun, Outcome, pause_after
from brands.models import MailFailure
from brands.preferences import preferences_of
from brands.scope import scope_of
from conversations.models import Conversation, Mention, Transcript
from conversations.threads import messages_of
from praxtalk.data.headers import one_line

MENTION_WAITS = timedelta(minutes=5)
A_DAY = timedelta(days=1)
MOST_MESSAGES = 1_000


def send_transcripts() -> int:
    """Send what is due. How many were sent."""
    run = MailRun(MailFailure.Kind.TRANSCRIPT)
    while run.goes_on and (transcript := _take_transcript()):
        outcome = run.send(
            partial(_transcript_email, transcript),
            tries=transcript.attempts,
            workspace_id=transcript.workspace_id,
            brand_id=transcript.conversation.brand_id,
            row=transcript.pk,
        )
        if outcome != Outcome.LATER:
            Transcript.objects.filter(workspace_id=transcript.workspace_id, pk=transcript.pk).delete()
    return run.sent


def _take_transcript() -> Transcript | None:
    with transaction.atomic():
        due = Transcript.objects.filter(due_at__lte=timezone.now()).order_by("due_at")
        rows = due.select_related("conversation").select_for_update(of=("self",), skip_locked=True)
        transcript = rows.first()
        if transcript:
            transcript.attempts += 1
            transcript.due_at = timezone.now() + pause_after(transcript.attempts)
            transcript.save(update_fields=["attempts", "due_at"])
        return transcript


def _transcript_email(transcript: Transcript) -> EmailMessage:
    rows = Conversation.objects.select_related("visitor", "brand").filter(workspace_id=transcript.workspace_id)
    conversation = rows.get(pk=transcript.conversation_id)
    messages = list(messages_of(conversation).order_by("-position")[:MOST_MESSAGES])[::-1]
    told = {"conversation": conversation, "brand": conversation.brand, "messages": messages}
    return EmailMessage(
        f"Your conversation with {one_line(conversation.brand.name)}",
        render_to_string("conversations/transcript.txt", told),
        formataddr((one_line(conversation.brand.name), parseaddr(settings.DEFAULT_FROM_EMAIL)[1])),
        [transcript.email],
    )


def mail_mentions() -> int:
    """Tell by e-mail who was mentioned five minutes ago, wants such e-mails, and has not looked. How many were sent."""
    run = MailRun(MailFailure.Kind.MENTION)
    while run.goes_on and (mention := _take_mention()):
        operator, conversation = mention.operator, mention.note.conversation
        wants = preferences_of(operator)["mentionMails"] and operator.is_active
        if not wants or not scope_of(operator).sees_brand(conversation.brand_id):
            continue
        outcome = run.send(
            partial(_mention_email, mention),
            tries=mention.mail_attempts,
            workspace_id=mention.workspace_id,
            brand_id=conversation.brand_id,
            row=mention.pk,
        )
        if outcome == Outcome.LATER:
            Mention.objects.filter(workspace_id=mention.workspace_id, pk=mention.pk).update(mailed_at=None)
    return run.sent


def _mention_email(mention: Mention) -> EmailMessage:
    return EmailMessage(
        f"{one_line(str(mention.note.author))} mentioned you on PraxTalk",
        render_to_string("conversations/mention.txt", {"mention": mention, "url": _url_of(mention.note.conversation)}),
        to=[mention.operator.email],
    )


def _take_mention() -> Mention | None:
    with transaction.atomic():
        now = timezone.now()
        is_due = Q(seen_at__isnull=True, mailed_at__isnull=True, created_at__range=(now - A_DAY, now - MENTION_WAITS))
        is_due &= Q(mail_due_at__isnull=True) | Q(mail_due_at__lte=now)
        rows = Mention.objects.filter(is_due).order_by("created_at").select_for_update(of=("self",), skip_locked=True)
        mention = rows.select_related("operator", "note__author", "note__conversation__visitor").first()
        if mention:
            mention.mailed_at = now
            mention.mail_attempts += 1
            mention.mail_due_at = now + pause_after(mention.mail_attempts)
            mention.save(update_fields=["mailed_at", "mail_attempts", "mail_due_at"])
        return mention


def _url_of(conversation: Conversation) -> str:
    return settings.BASE_URL + reverse("inbox_conversation", args=[conversation.pk])
