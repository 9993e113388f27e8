"""The overview at /app/: statistics, the state of webhooks and e-mail, and the steps to set up a workspace."""

from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.core.cache import cache
from django.db.models import Q, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from accounts.mail import failures_since
from accounts.middleware import current_operator, current_scope
from accounts.models import MailFailure, Operator
from accounts.roles import Ability
from accounts.scope import Scope
from brands.models import Brand
from conversations import statistics
from integrations.models import Delivery, DeliveryCount, WebhookSubscription
from praxtalk.core.dashboard.charts import bars
from praxtalk.core.dashboard.views import DashboardView
from reports.setup_steps import can_visitors_write, setup_steps

RANGES = (7, 30, 90)
CACHE_SECONDS = 30
FAILURE_WINDOW = timedelta(days=7)
MAX_FAILURES_SHOWN = 10


class HomeView(DashboardView):
    """Redirect to the page that an operator needs first: the setup steps until visitors can write, then the inbox."""

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        steps = setup_steps(current_operator(request), current_scope(request))
        return redirect("inbox" if can_visitors_write(steps) else "overview")


class OverviewView(DashboardView):
    """GET shows the overview. ?days= is one of RANGES; ?brand= is the id of a brand that the operator sees."""

    title = "Overview"
    template_name = "reports/overview.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        days = next((each for each in RANGES if str(each) == self.request.GET.get("days")), 30)
        brands = list(current_scope(self.request).rows(Brand.objects.order_by("created_at"), brand_field="pk"))
        selected_brand = next((brand for brand in brands if str(brand.pk) == self.request.GET.get("brand")), None)
        scope = current_scope(self.request)
        if selected_brand:
            scope = Scope(selected_brand.workspace_id, (selected_brand.pk,))
        more = {
            "ranges": [{"days": each, "is_selected": each == days} for each in RANGES],
            "brands": brands,
            "selected_brand": selected_brand,
            "days": days,
            "steps": setup_steps(current_operator(self.request), current_scope(self.request)),
            "health": self._health(),
            "mail_failures": self._mail_failures(brands),
        }
        return super().get_context_data(**{**_statistics(scope, brands, days), **more, **kwargs})

    def _health(self) -> dict[str, Any] | None:
        if not current_operator(self.request).may(Ability.INTEGRATIONS):
            return None
        return webhook_health(current_scope(self.request))

    def _mail_failures(self, brands: list[Brand]) -> list[tuple[str, MailFailure]]:
        """Return the mail failures of the last week, each with its brand's name, for operators who may change the sender."""
        if not current_operator(self.request).may(Ability.BRANDS):
            return []
        rows = failures_since(timezone.now() - FAILURE_WINDOW)
        failures = current_scope(self.request).rows(rows)[:MAX_FAILURES_SHOWN]
        names: dict[UUID | None, str] = {brand.pk: brand.name for brand in brands}
        return [(names.get(failure.brand_id, ""), failure) for failure in failures]


def _statistics(scope: Scope, brands: list[Brand], days: int) -> dict[str, Any]:
    """Return the statistics. They are cached for 30 seconds, so that reloading the overview rarely queries the database."""
    key = f"overview-statistics:{scope.workspace_id}:{sorted(map(str, scope.brand_ids or ['all']))}:{days}"
    cached: dict[str, Any] | None = cache.get(key)
    if cached is None:
        today = timezone.now().date()
        all_days = statistics.last_days(today, days)
        since = datetime.combine(all_days[0], time(), UTC)
        cached = {
            "by_day": statistics.daily_counts(scope, all_days, since),
            "labels": [day.isoformat() for day in all_days],
            "times": statistics.response_times(scope, since),
            "times_by_brand": statistics.response_times_by_brand(scope, since),
            "times_by_operator": statistics.response_times_by_operator(scope, since),
            "replies_by_operator": statistics.replies_by_operator(scope, since),
        }
        cache.set(key, cached, CACHE_SECONDS)
    labels, by_day = cached["labels"], cached["by_day"]
    names = dict(Operator.objects.filter(workspace_id=scope.workspace_id).values_list("pk", "name"))
    times, replies = cached["times_by_operator"], cached["replies_by_operator"]
    return {
        "charts": [
            {"title": "New conversations", "svg": bars("New conversations", labels, by_day["conversations"])},
            {"title": "Replies", "svg": bars("Replies", labels, by_day["replies"])},
        ],
        "numbers": list(zip(labels, by_day["conversations"], by_day["replies"], strict=True)),
        "times": cached["times"],
        "brand_rows": [
            (brand, cached["times_by_brand"].get(brand.pk)) for brand in brands if scope.sees_brand(brand.pk)
        ],
        "operator_rows": sorted(
            (names[pk], replies.get(pk, 0), times.get(pk)) for pk in {*times, *replies} & names.keys()
        ),
    }


def webhook_health(scope: Scope) -> dict[str, Any]:
    """Return last week's numbers of successful and failed deliveries, the current backlog, and the webhooks that are failing."""
    webhooks = scope.rows(WebhookSubscription.objects.all())
    since = timezone.now().date() - timedelta(days=7)
    counts = DeliveryCount.objects.filter(subscription__in=webhooks, day__gt=since).aggregate(
        succeeded=Sum("deliveries_succeeded", default=0), failed=Sum("deliveries_failed", default=0)
    )
    deliveries = Delivery.objects.filter(subscription__in=webhooks, workspace_id=scope.workspace_id)
    return {
        **counts,
        "pending": deliveries.filter(status=Delivery.Status.PENDING).count(),
        "held": deliveries.filter(status=Delivery.Status.HELD).count(),
        "failing": list(webhooks.filter(Q(failing_since__isnull=False) | Q(status="paused")).order_by("id")[:10]),
        "has_webhooks": webhooks.exists(),
    }
