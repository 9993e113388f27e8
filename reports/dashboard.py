"""The overview at /app/: statistics, the state of webhooks and e-mail, and the steps to set up a workspace."""

from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.core.cache import cache
from django.db.models import Q, Sum
from django.urls import reverse
from django.utils import timezone

from accounts.mail import failures_since
from accounts.middleware import current_operator, current_scope
from accounts.models import MailFailure, Operator
from accounts.roles import Ability
from accounts.scope import Scope
from brands.models import Brand
from conversations import reports
from conversations.models import Conversation
from integrations.models import ApiKey, Delivery, DeliveryCount, WebhookSubscription
from praxtalk.core.dashboard.charts import bars
from praxtalk.core.dashboard.views import Page

RANGES = (7, 30, 90)
KEPT_SECONDS = 30
TOLD_FOR = timedelta(days=7)
MOST_TOLD = 10


class Overview(Page):
    """GET shows the overview. ?days= is one of RANGES; ?brand= is the id of a brand that the operator sees."""

    title = "Overview"
    template_name = "reports/overview.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        days = next((each for each in RANGES if str(each) == self.request.GET.get("days")), 30)
        brands = list(current_scope(self.request).rows(Brand.objects.order_by("created_at"), brand_field="pk"))
        chosen = next((brand for brand in brands if str(brand.pk) == self.request.GET.get("brand")), None)
        scope = current_scope(self.request) if chosen is None else Scope(chosen.workspace_id, (chosen.pk,))
        more = {
            "ranges": [{"days": each, "is_here": each == days} for each in RANGES],
            "brands": brands,
            "chosen": chosen,
            "days": days,
            "steps": first_steps(current_operator(self.request), current_scope(self.request)),
            "health": self._health(),
            "mail_failures": self._mail_failures(brands),
        }
        return super().get_context_data(**{**_figures(scope, brands, days), **more, **kwargs})

    def _health(self) -> dict[str, Any] | None:
        if not current_operator(self.request).may(Ability.INTEGRATIONS):
            return None
        return webhook_health(current_scope(self.request))

    def _mail_failures(self, brands: list[Brand]) -> list[tuple[str, MailFailure]]:
        """Return the mail failures of the last week, each with its brand's name, for operators who may change the sender."""
        if not current_operator(self.request).may(Ability.BRANDS):
            return []
        failures = current_scope(self.request).rows(failures_since(timezone.now() - TOLD_FOR))[:MOST_TOLD]
        names: dict[UUID | None, str] = {brand.pk: brand.name for brand in brands}
        return [(names.get(failure.brand_id, ""), failure) for failure in failures]


def _figures(scope: Scope, brands: list[Brand], days: int) -> dict[str, Any]:
    """Return the statistics. They are cached for 30 seconds, so that frequent views of the overview rarely query the database."""
    key = f"overview:{scope.workspace_id}:{sorted(map(str, scope.brand_ids or ['all']))}:{days}"
    known: dict[str, Any] | None = cache.get(key)
    if known is None:
        today = timezone.now().date()
        all_days = reports.days_until(today, days)
        since = datetime.combine(all_days[0], time(), UTC)
        known = {
            "by_day": reports.by_day(scope, all_days, since),
            "labels": [day.isoformat() for day in all_days],
            "times": reports.times(scope, since),
            "of_brands": reports.times_by_brand(scope, since),
            "of_operators": reports.times_by_operator(scope, since),
            "replies_of": reports.replies_by_operator(scope, since),
        }
        cache.set(key, known, KEPT_SECONDS)
    labels, by_day = known["labels"], known["by_day"]
    names = dict(Operator.objects.filter(workspace_id=scope.workspace_id).values_list("pk", "name"))
    seen = {pk for pk in (*known["of_operators"], *known["replies_of"]) if pk in names}
    return {
        "charts": [
            {"title": "New conversations", "svg": bars("New conversations", labels, by_day["conversations"])},
            {"title": "Replies", "svg": bars("Replies", labels, by_day["replies"])},
        ],
        "numbers": list(zip(labels, by_day["conversations"], by_day["replies"], strict=True)),
        "times": known["times"],
        "brand_rows": [(brand, known["of_brands"].get(brand.pk)) for brand in brands if scope.sees_brand(brand.pk)],
        "operator_rows": sorted(
            (names[pk], known["replies_of"].get(pk, 0), known["of_operators"].get(pk)) for pk in seen
        ),
    }


def webhook_health(scope: Scope) -> dict[str, Any]:
    """Return how many deliveries succeeded and failed in the last week, how many wait now, and which webhooks have problems."""
    webhooks = scope.rows(WebhookSubscription.objects.all())
    since = timezone.now().date() - timedelta(days=7)
    counts = DeliveryCount.objects.filter(subscription__in=webhooks, day__gt=since).aggregate(
        succeeded=Sum("deliveries_succeeded", default=0), failed=Sum("deliveries_failed", default=0)
    )
    waiting = Delivery.objects.filter(subscription__in=webhooks, workspace_id=scope.workspace_id)
    return {
        **counts,
        "pending": waiting.filter(status=Delivery.Status.PENDING).count(),
        "held": waiting.filter(status=Delivery.Status.HELD).count(),
        "troubled": list(webhooks.filter(Q(failing_since__isnull=False) | Q(status="paused")).order_by("id")[:10]),
        "has_any": webhooks.exists(),
    }


def first_steps(operator: Operator, scope: Scope) -> list[dict[str, Any]] | None:
    """Return the setup steps from an empty workspace to a verified webhook.

    None if all are done, or if the operator may not do them.
    """
    if not (operator.may(Ability.BRANDS) and operator.may(Ability.INTEGRATIONS)):
        return None
    brands = scope.rows(Brand.objects.all(), brand_field="pk")
    webhooks = scope.rows(WebhookSubscription.objects.all())
    verified = webhooks.filter(Q(verified_at__isnull=False) | Q(counts__deliveries_succeeded__gt=0))
    cards = reverse("admin:brands_brand_changelist")
    steps = [
        ("Make a brand", "The name and colour under which you talk.", cards, brands.exists()),
        (
            "Put the snippet into your site",
            "Copy it from the brand's card. This is done when a page of your site has loaded the widget.",
            cards,
            brands.filter(widget_seen_at__isnull=False).exists(),
        ),
        (
            "Write the first message",
            "Open your site, press the bubble, and say hello as a visitor would.",
            cards,
            scope.rows(Conversation.objects.all()).exists(),
        ),
        (
            "Create an API key",
            "For your CRM's server: it is shown once.",
            reverse("keys"),
            scope.rows(ApiKey.objects.filter(revoked_at__isnull=True)).exists(),
        ),
        (
            "Add a webhook, and send a test event",
            "Your CRM learns of messages and leads as they happen.",
            reverse("webhooks"),
            verified.exists(),
        ),
    ]
    if all(step[3] for step in steps):
        return None
    following = next(index for index, step in enumerate(steps) if not step[3])
    return [
        {"title": title, "text": text, "url": url, "is_done": is_done, "is_next": index == following}
        for index, (title, text, url, is_done) in enumerate(steps)
    ]
