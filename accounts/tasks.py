from datetime import timedelta

from celery import shared_task
from django.contrib.sessions.models import Session
from django.utils import timezone

from accounts import emails, known_clients, mail, throttling
from accounts.models import OperatorSession

RETENTION_DAYS = 30


@shared_task
def purge_operator_sessions() -> None:
    """Delete operator sessions of all workspaces that expired more than RETENTION_DAYS ago, and expired browser sessions."""
    OperatorSession.objects.filter(expires_at__lt=timezone.now() - timedelta(days=RETENTION_DAYS)).delete()
    Session.objects.filter(expire_date__lt=timezone.now()).delete()


@shared_task
def send_queued_emails() -> None:
    """Send the e-mails to operators that are due."""
    emails.send_due()


@shared_task
def purge_mail_failures() -> None:
    """Delete mail failures of all workspaces that have not happened again for 30 days."""
    mail.purge_failures()


@shared_task
def purge_failed_attempts() -> None:
    """Delete failed attempts that no longer count, and addresses from which nobody has signed in for a long time."""
    throttling.purge_old_attempts()
    known_clients.purge_old_addresses()
