"""Celery tasks: thin; each may run twice without harm."""

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
    """Deliver webhooks for about a minute; beat starts the next run. Ends early when its worker is told to stop.

    A worker has two threads for it: while one finishes what hangs, 15 seconds at most, the other goes on claiming.
    """
    asyncio.run(_pump())


async def _pump() -> None:
    await Dispatcher(should_stop=_worker_is_stopping, claim_lock=_claiming).run()


_claiming = threading.Lock()


def _worker_is_stopping() -> bool:
    """Celery sets an exit status there, which may be 0."""
    return any(told is not None and told is not False for told in (state.should_stop, state.should_terminate))


@shared_task
def probe_paused() -> None:
    """Ask the receivers of webhooks that paused themselves whether they are back."""
    pings.probe_paused()


@shared_task
def notify_owners() -> None:
    """Send the e-mails that are owed about webhooks that paused themselves."""
    mail.notify_owners()


@shared_task
def forget() -> None:
    """Delete the secrets that sign no more, and the events that are over 30 days old with their deliveries and attempts."""
    subscriptions.forget_ended_secrets()
    retention.forget_events()
