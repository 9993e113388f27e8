import asyncio
import ipaddress

import pytest

from integrations.actions.subscriptions import create_webhook
from integrations.models import EventName
from integrations.webhooks.delivery import attempt
from integrations.webhooks.leases import claim
from integrations.webhooks.results import FinishedAttempt, store_results
from praxtalk.core.http.addresses import check_url
from praxtalk.core.http.transport import open_transport


@pytest.fixture(autouse=True)
def allow_loopback(settings):
    settings.WEBHOOK_ALLOW_CIDRS = [ipaddress.ip_network("127.0.0.0/8")]


@pytest.fixture
def subscribe(tenants):
    """Return `subscribe(url, events=all, workspace=Acme, brand=None) -> (subscription, secret)`."""

    def make(url, events=tuple(EventName), workspace=None, brand=None):
        return create_webhook(workspace or tenants.acme, url=check_url(url), events=list(events), brand=brand)

    return make


def deliver_due():
    """Run one round of the dispatcher: claim due deliveries, send them, store the results. Returns the responses."""
    claimed = claim(100)

    async def send():
        async with open_transport() as transport:
            return await asyncio.gather(*(attempt(transport, one) for one in claimed))

    results = asyncio.run(send())
    store_results([FinishedAttempt(one, result) for one, result in zip(claimed, results, strict=True)])
    return results
