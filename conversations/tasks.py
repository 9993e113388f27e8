from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from conversations import mail, orphaned_files
from conversations.actions import wake_next_snoozed
from conversations.models import Presence


@shared_task
def wake_snoozed() -> None:
    """Reopen every conversation whose snooze has ended, each in its own transaction."""
    while wake_next_snoozed():
        pass


@shared_task
def forget_presence() -> None:
    """Delete presence that was last reported over 10 minutes ago, in any workspace."""
    Presence.objects.filter(seen_at__lt=timezone.now() - timedelta(minutes=10)).delete()


@shared_task
def send_transcripts() -> None:
    """Send the transcripts that are due."""
    mail.send_transcripts()


@shared_task
def mail_mentions() -> None:
    """Send e-mails about mentions and assignments that operators have not seen."""
    mail.mail_mentions()


@shared_task
def delete_orphaned_files() -> None:
    """Delete stored files that belong to no message, in any workspace."""
    orphaned_files.delete_orphans()
