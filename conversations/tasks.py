from celery import shared_task

from conversations.actions import wake_next_snoozed


@shared_task
def wake_snoozed() -> None:
    """Reopen every conversation whose snooze is over, each in a transaction of its own."""
    while wake_next_snoozed():
        pass
