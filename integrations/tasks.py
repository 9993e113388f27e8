"""Celery tasks of this app. Each may run twice without harm."""

import asyncio
import threading

from celery import shared_task
from celery.worker import state

from integrations import retention
from integrations.actions import subscriptions
from integrations.webhooks import mail, pings
from integrations.webhooks.dispatcher import Dispatcher


@shared_task
def pump() -> None:
    """Deliver webhooks for about a minute. Beat starts the next run. A run ends early when its worker is told to stop.

    A worker has two threads for this task. While one run waits for its last requests (15 seconds at most), the next one
    already claims deliveries.
    """
    asyncio.run(_pump())


async def _pump() -> None:
    await Dispatcher(should_stop=_worker_is_stopping, claim_lock=_claiming).run()


_claiming = threading.Lock()


def _worker_is_stopping() -> bool:
    """Return whether Celery has set an exit status, which may be 0."""
    return any(told is not None and told is not False for told in (state.should_stop, state.should_terminate))


@shared_task
def probe_paused() -> None:
    """Check whether the receivers of automatically paused webhooks are back."""
    pings.probe_paused()


@shared_task
def notify_owners() -> None:
    """Send the e-mails that are due about automatically paused webhooks."""
    mail.notify_owners()


@shared_task
def forget() -> None:
    """Delete the secrets that no longer sign, and the events that are over 30 days old with their deliveries and attempts."""
    subscriptions.forget_ended_secrets()
    retention.forget_events()
