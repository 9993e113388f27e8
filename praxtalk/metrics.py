"""/metrics in the Prometheus text format. All values come from the database, so every process returns the same."""

import hmac
import ipaddress
from collections.abc import Iterator

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from integrations.webhooks.stats import current_backlog, delivery_totals
from praxtalk.core.api.address import client_address


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Return the metrics to clients that send METRICS_TOKEN as bearer token.

    If that setting is empty, only loopback clients may read them, and only if PraxTalk is reachable from this machine alone.
    """
    if not _may_read(request):
        return HttpResponse("Send METRICS_TOKEN as a bearer token.\n", status=401, content_type="text/plain")
    registry = CollectorRegistry(auto_describe=False)
    registry.register(WebhookCollector())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _may_read(request: HttpRequest) -> bool:
    if settings.METRICS_TOKEN:
        authorization = request.headers.get("Authorization", "").encode()
        return hmac.compare_digest(authorization, f"Bearer {settings.METRICS_TOKEN}".encode())
    try:
        return settings.IS_LOCAL and ipaddress.ip_address(client_address(request)).is_loopback
    except ValueError:
        return False


class WebhookCollector:
    """A Prometheus collector of the current backlog of webhooks, and of the completed deliveries and attempts by outcome."""

    def collect(self) -> Iterator[Metric]:
        now = current_backlog()
        yield _gauge("due_age_seconds", "How long the oldest due delivery has been waiting", now.oldest_due_seconds)
        yield _gauge("due", "Deliveries that are due and not in flight", now.due)
        yield _gauge("in_flight", "Deliveries in flight", now.in_flight)
        yield _gauge("held", "Deliveries held for paused webhooks", now.held)
        yield _gauge("paused", "Webhooks that were paused automatically", now.auto_paused)
        for noun, outcomes in delivery_totals().items():  # "deliveries" and "attempts"
            name, text = f"praxtalk_webhook_{noun}", f"Completed webhook {noun} by outcome"
            family = CounterMetricFamily(name, text, labels=["outcome"])
            for outcome, count in outcomes.items():
                family.add_metric([outcome], count)
            yield family


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"praxtalk_webhook_{name}", text, value=value)
