"""The baseline: one Celery task for each delivery, the way in which most Django projects send webhooks.

It is a good implementation of its kind. The rows, signatures, headers and the timeout of 15 seconds are PraxTalk's. Sessions
reuse their connections. Tasks are acknowledged late, so nothing is lost when a worker dies. In contrast to PraxTalk, it does not
check addresses, hold leases, keep counts, track the health of receivers, or share its capacity fairly between them.
"""

import os
import sys
import time
from typing import Any
from uuid import UUID

import django
import requests
from celery import Celery
from django.db import transaction
from django.utils import timezone

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "praxtalk.settings")
django.setup()

from integrations.models import Attempt, Delivery  # noqa: E402
from integrations.webhooks.delivery import RETRY_DELAYS  # noqa: E402
from integrations.webhooks.signature import signature, standard_signature  # noqa: E402
from praxtalk.core.db.encryption import decrypt  # noqa: E402

TIMEOUT_SECONDS = 15.0
PROCESSES = 2
WORKER = [sys.executable, "-m", "celery", "--quiet", "--app", "bench.webhooks.celery_baseline", "worker"]
WORKER += ["--pool", "prefork", "--concurrency", str(PROCESSES), "--loglevel", "WARNING"]
WORKER += ["--without-gossip", "--without-mingle", "--without-heartbeat"]

app = Celery("baseline", broker=os.environ["REDIS_URL"])
app.conf.update(
    broker_transport_options={"global_keyprefix": "baseline:"},
    broker_connection_retry_on_startup=True,
    task_ignore_result=True,
    task_acks_late=True,
    worker_prefetch_multiplier=16,
    worker_enable_remote_control=False,
    worker_hijack_root_logger=False,
    CELERY_DB_REUSE_MAX=10**9,  # otherwise each task would open a connection, at a fifth of the speed
)

session = requests.Session()
session.trust_env = False


@app.task(bind=True, max_retries=len(RETRY_DELAYS))  # type: ignore[untyped-decorator]
def deliver(self: Any, delivery_id: str) -> None:
    delivery = Delivery.objects.select_related("event", "subscription").get(pk=UUID(delivery_id))
    started_at, started, number = timezone.now(), time.monotonic(), delivery.last_number + 1
    status_code, body, error = _post(delivery, number)
    is_success = status_code is not None and 200 <= status_code < 300
    with transaction.atomic():
        Attempt.objects.create(
            workspace_id=delivery.workspace_id,
            delivery=delivery,
            number=number,
            outcome=Attempt.Outcome.SUCCEEDED if is_success else Attempt.Outcome.FAILED,
            started_at=started_at,
            duration_ms=round((time.monotonic() - started) * 1000),
            status_code=status_code,
            response_body=body,
            error=error[:300],
        )
        delivery.attempts_made = delivery.last_number = number
        if is_success:
            delivery.status = Delivery.Status.SUCCEEDED
        elif number > len(RETRY_DELAYS):
            delivery.status = Delivery.Status.FAILED
        delivery.save(update_fields=["attempts_made", "last_number", "status"])
    if delivery.status == Delivery.Status.PENDING:
        raise self.retry(countdown=RETRY_DELAYS[number - 1].total_seconds())


def _post(delivery: Delivery, number: int) -> tuple[int | None, str, str]:
    """Send the request. Return status, body and error."""
    event, body, timestamp = delivery.event, bytes(delivery.event.body), int(time.time())
    keys = [decrypt(encrypted) for encrypted in delivery.subscription.secrets_at(timezone.now())]
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": "PraxTalk-Webhooks/1",
        "X-PraxTalk-Signature": signature(keys, timestamp, body),
        "X-PraxTalk-Event": event.name,
        "X-PraxTalk-Event-Id": str(event.pk),
        "X-PraxTalk-Delivery": str(delivery.pk),
        "X-PraxTalk-Attempt": str(number),
        "webhook-id": str(event.pk),
        "webhook-timestamp": str(timestamp),
        "webhook-signature": standard_signature(keys, str(event.pk), timestamp, body),
    }
    try:
        response = session.post(
            delivery.subscription.url, data=body, headers=headers, timeout=TIMEOUT_SECONDS, allow_redirects=False
        )
    except requests.RequestException as error:
        return None, "", str(error)
    return response.status_code, response.text[: 16 * 1024], ""
