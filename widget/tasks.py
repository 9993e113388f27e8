from celery import shared_task

from widget import mail


@shared_task
def mail_replies() -> None:
    """Send visitors who have left the replies that they have not seen."""
    mail.mail_replies()
