from celery import shared_task

from widget import mail


@shared_task
def mail_replies() -> None:
    """E-mail unseen replies to visitors who have left."""
    mail.mail_replies()
