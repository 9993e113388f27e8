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
def dispatch_webhooks() -> None:
    """Deliver webhooks for about a minute. Beat starts the next run. A run ends early when its worker shuts down.

    A worker has two threads for this task. While one run waits for its last requests (15 seconds at most), the next one
    already claims deliveries.
    """
    asyncio.run(_dispatch())


async def _dispatch() -> None:
    await Dispatcher(should_stop=_worker_is_stopping, claim_lock=_claim_lock).run()


_claim_lock = threading.Lock()


def _worker_is_stopping() -> bool:
    """Return whether Celery has set an exit status, which may be 0."""
    return any(status is not None and status is not False for status in (state.should_stop, state.should_terminate))


@shared_task
def probe_paused() -> None:
    """Check whether the receivers of automatically paused webhooks are back."""
    pings.probe_paused()


@shared_task
def notify_owners() -> None:
    """Send the e-mails that are due about automatically paused webhooks."""
    mail.notify_owners()


@shared_task
def purge() -> None:
    """Delete the secrets that no longer sign, and the events that are over 30 days old with their deliveries and attempts."""
    subscriptions.purge_expired_secrets()
    retention.purge_events()
