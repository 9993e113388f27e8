from datetime import timedelta

from celery import shared_task
from django.contrib.sessions.models import Session
from django.utils import timezone

from accounts import emails, known_clients, mail, throttling
from accounts.models import OperatorSession

KEPT_DAYS = 30


@shared_task
def forget_operator_sessions() -> None:
    """Delete the sessions that ended long ago, of any workspace, and those of browsers that have not come back."""
    OperatorSession.objects.filter(expires_at__lt=timezone.now() - timedelta(days=KEPT_DAYS)).delete()
    Session.objects.filter(expire_date__lt=timezone.now()).delete()


@shared_task
def send_letters() -> None:
    """Send the e-mails to operators that are due."""
    emails.send_due()


@shared_task
def forget_mail_failures() -> None:
    """Delete the counts of failed e-mails that are over, of any workspace."""
    mail.forget_failures()


@shared_task
def forget_attempts() -> None:
    """Delete failed attempts that count no more, and addresses from which nobody has signed in for long."""
    throttling.forget_old()
    known_clients.forget_old()
