from celery import shared_task

from conversations import mail, orphaned_files, search
from conversations.actions import operators_without_access, reassign_conversations, wake_next_snoozed

MAX_BATCHES = 100  # of rows that one run of fill_words changes in a table


@shared_task
def wake_snoozed() -> None:
    """Reopen every conversation whose snooze has ended, each in its own transaction."""
    while wake_next_snoozed():
        pass


@shared_task
def unassign_unavailable() -> None:
    """Unassign the open and snoozed conversations whose assignees cannot access them, each assignee's in one transaction."""
    for operator in operators_without_access():
        reassign_conversations(operator, to=None)


@shared_task
def send_transcripts() -> None:
    """Send the transcripts that are due."""
    mail.send_transcripts()


@shared_task
def send_notification_emails() -> None:
    """E-mail operators about notifications that they have not seen."""
    mail.send_notification_emails()


@shared_task
def delete_orphaned_files() -> None:
    """Delete stored files that belong to no message, in any workspace."""
    orphaned_files.delete_orphans()


@shared_task
def fill_words() -> None:
    """Compute the words of rows whose texts were written without them, so that a search finds these rows."""
    for model in search.searched_models():
        for _ in range(MAX_BATCHES):
            if search.fill_words(model) < search.BATCH:
                break
