"""The databases of the webhook benchmark: 20 webhooks, their finished deliveries, and new events for them.

Each webhook is limited to one of 20 brands, so an event causes one delivery. The dispatcher then has to read as many bodies as it
sends, which is the harder case. The database of the Celery baseline is a copy of PraxTalk's, so neither of them sees the
deliveries of the other.
"""

import itertools
import time
from collections.abc import Iterator
from urllib.parse import urlsplit
from uuid import UUID

from django.db import connection, transaction

from accounts.models import Workspace
from bench.seed import TEXT, copy_database
from brands.actions import create_brand
from brands.models import Brand
from integrations.actions.subscriptions import create_webhook
from integrations.models import Delivery, EventName
from integrations.webhooks.outbox import record_event
from praxtalk.core.http.addresses import check_url

PRODUCT_DATABASE, BASELINE_DATABASE = "praxtalk_webhooks", "praxtalk_baseline"
WEBHOOKS = 20
DATA = {"message": {"role": "visitor", "channel": "widget", "body": TEXT * 16}}  # a body of about 2 KB

# Insert finished deliveries: each event was sent to all webhooks, with one attempt.
ADD_FINISHED = """
    WITH events AS (
        INSERT INTO integrations_event (id, workspace_id, brand_id, name, body, number, created_at)
        SELECT uuidv7(age), %(workspace)s, NULL, 'message.created', convert_to(repeat(%(text)s, 16), 'UTF8'), n, now() + age
        FROM (SELECT n, make_interval(secs => 10 * (n - %(events)s) - 300) AS age
              FROM generate_series(1, %(events)s::int) AS n) AS numbers
        RETURNING id, workspace_id, created_at
    ), deliveries AS (
        INSERT INTO integrations_delivery (id, workspace_id, subscription_id, event_id, status, attempts_made, interruptions,
            last_number, next_attempt_at, next_trigger, created_at)
        SELECT uuidv7(), events.workspace_id, webhook.id, events.id, 'succeeded', 1, 0, 1, events.created_at, 'schedule',
               events.created_at
        FROM events CROSS JOIN integrations_webhooksubscription AS webhook
        RETURNING id, workspace_id, created_at
    )
    INSERT INTO integrations_attempt (id, workspace_id, delivery_id, number, trigger, outcome, started_at, duration_ms,
        status_code, address, response_body, error)
    SELECT uuidv7(), workspace_id, id, 1, 'schedule', 'succeeded', created_at, 20, 204, '127.0.0.1', '', '' FROM deliveries
"""

_brands: list[Brand] = []
_next_events: Iterator[tuple[Brand, EventName]] = iter(())


def make_databases(urls: list[str], *, finished: int) -> tuple[str, str]:
    """Create both databases, with a webhook for each of `urls` and `finished` succeeded deliveries. Return their URLs.

    The first is for PraxTalk, the second for the Celery baseline.
    """
    global _next_events
    product_url = copy_database(PRODUCT_DATABASE)
    use(product_url)
    workspace = Workspace.objects.get()
    for number, url in enumerate(urls, start=1):
        brand = create_brand(workspace, name=f"Webhooks {number}")
        create_webhook(workspace, url=check_url(url), events=list(EventName), brand=brand)
        _brands.append(brand)
    _next_events = zip(itertools.cycle(_brands), itertools.cycle(EventName), strict=True)
    values = {"workspace": workspace.pk, "text": TEXT, "events": finished // len(urls)}
    with connection.cursor() as cursor:
        cursor.execute(ADD_FINISHED, values)
        cursor.execute("VACUUM ANALYZE")
    return product_url, copy_database(BASELINE_DATABASE, of=PRODUCT_DATABASE)


def use(url: str) -> None:
    """Use the database of this URL in this process from now on."""
    connection.close()
    connection.settings_dict["NAME"] = urlsplit(url).path[1:]


def add_webhook(url: str) -> UUID:
    """Create another webhook, for the events of all brands. Return its id."""
    return create_webhook(_brands[0].workspace_id, url=check_url(url), events=list(EventName))[0].pk


def record(count: int) -> tuple[float, list[str]]:
    """Record `count` events in one transaction.

    Return the time of the commit, and the ids of the deliveries for the 20 webhooks.
    """
    committed: list[float] = []
    with transaction.atomic():
        transaction.on_commit(lambda: committed.append(time.time()))  # runs before the topic is published
        events = [
            record_event(name, workspace_id=brand.workspace_id, brand_id=brand.pk, data=DATA)
            for brand, name in itertools.islice(_next_events, count)
        ]
    ids = Delivery.objects.filter(event__in=events, subscription__brand__isnull=False).values_list("pk", flat=True)
    return committed[0], [str(delivery_id) for delivery_id in ids]


def count_unfinished() -> int:
    """Return how many deliveries for the 20 webhooks are not stored as succeeded."""
    unfinished = Delivery.objects.exclude(status=Delivery.Status.SUCCEEDED)
    return unfinished.filter(subscription__brand__isnull=False).count()
