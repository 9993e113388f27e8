import json
import shlex
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from accounts.middleware import current_scope
from integrations.actions import replays
from integrations.actions.subscriptions import WebhookDeleted
from integrations.dashboard import IntegrationsView
from integrations.models import Attempt, Delivery, EventName, Replay, WebhookSubscription
from integrations.models.deliveries import Trigger
from integrations.webhooks.delivery import MAX_ATTEMPTS, ClaimedDelivery, signed_headers
from praxtalk.core.api.errors import UnprocessableEntity
from praxtalk.core.api.pagination import Keyset
from praxtalk.core.db.encryption import DecryptionError
from praxtalk.core.http.addresses import is_in_allowed_cidrs

NEWEST_FIRST = Keyset("event-log", ("-created_at", "-id"), lambda row: [row.created_at.isoformat(), str(row.pk)])
PAGE_SIZE = 50
MAX_SHOWN_ATTEMPTS = 100
BRAND = "subscription__brand_id"
STATUSES = (
    (Delivery.Status.PENDING.value, "Pending or retrying"),
    (Delivery.Status.SUCCEEDED.value, "Succeeded"),
    (Delivery.Status.FAILED.value, "Failed"),
    (Delivery.Status.HELD.value, "Queued for a paused webhook"),
)


class FilterForm(forms.Form):
    """The filters of the event log. Invalid values are ignored."""

    webhook = forms.ModelChoiceField(WebhookSubscription.objects.none(), required=False, empty_label="All webhooks")
    status = forms.ChoiceField(choices=[("", "All statuses"), *STATUSES], required=False)
    event = forms.ChoiceField(
        choices=[("", "All events"), *((name.value, name.value) for name in EventName)], required=False
    )

    def __init__(self, *args: Any, webhooks: QuerySet[WebhookSubscription], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["webhook"].queryset = webhooks  # type: ignore[attr-defined]


class EventLogView(IntegrationsView):
    """The event log: deliveries, newest first, each with its last finished attempt."""

    tab = "events"
    template_name = "integrations/event_log.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        scope = current_scope(self.request)
        filters = FilterForm(self.request.GET, webhooks=scope.rows(WebhookSubscription.objects.order_by("id")))
        filters.is_valid()
        rows = self._rows(filters.cleaned_data)
        cursor = self.request.GET.get("cursor") or None
        try:
            page, next_cursor, _ = NEWEST_FIRST.page(
                rows, owner=str(scope.workspace_id), cursor=cursor, limit=PAGE_SIZE
            )
        except UnprocessableEntity:
            page, next_cursor, _ = NEWEST_FIRST.page(rows, owner=str(scope.workspace_id), cursor=None, limit=PAGE_SIZE)
        query = self.request.GET.copy()
        query["cursor"] = next_cursor or ""
        more = {
            "deliveries": _with_last_attempts(page),
            "older": query.urlencode() if next_cursor else "",
            "cursor": cursor,
        }
        return super().get_context_data(**{"filters": filters, "max_attempts": MAX_ATTEMPTS, **more, **kwargs})

    def _rows(self, filters: dict[str, Any]) -> QuerySet[Delivery]:
        rows = current_scope(self.request).rows(Delivery.objects.all(), brand_field=BRAND)
        if filters.get("webhook"):
            rows = rows.filter(subscription=filters["webhook"])
        if filters.get("status"):
            rows = rows.filter(status=filters["status"])
        if filters.get("event"):
            rows = rows.filter(event__name=filters["event"])
        return rows.select_related("subscription", "event").defer("event__body")


class DeliveryView(IntegrationsView):
    """One delivery: the request that is sent, and the response to each attempt."""

    tab = "events"
    template_name = "integrations/delivery.html"

    def delivery(self, id: UUID) -> Delivery:
        return self.get_or_404(Delivery.objects.select_related("subscription", "event"), id, brand_field=BRAND)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        delivery = self.delivery(kwargs["id"])
        attempts: list[Any] = list(delivery.attempts.order_by("-number")[:MAX_SHOWN_ATTEMPTS])
        for attempt in attempts:
            attempt.is_body_stored = not (attempt.address and is_in_allowed_cidrs(attempt.address))
        body = bytes(delivery.event.body)
        headers, problem = _headers(delivery)
        more = {
            "delivery": delivery,
            "attempts": attempts,
            "headers": headers,
            "problem": problem,
            "body": json.dumps(json.loads(body), indent=2, ensure_ascii=False),
            "curl": _curl(delivery.subscription.url, headers, body.decode()) if headers else "",
            "max_attempts": MAX_ATTEMPTS,
            "is_active": delivery.subscription.is_active,
        }
        return super().get_context_data(**{**more, **kwargs})


class RetryDeliveryView(DeliveryView):
    """POST makes a delivery due immediately."""

    http_method_names = ["post"]  # noqa: RUF012 - an attribute that Django defines

    def post(self, request: HttpRequest, id: UUID) -> HttpResponse:
        delivery = self.delivery(id)
        try:
            replays.retry(delivery)
        except replays.WebhookPaused:
            messages.error(request, "The webhook is paused. Resume it first.")
        except WebhookDeleted:
            messages.error(request, "The webhook has been deleted.")
            return redirect("event_log")
        else:
            messages.success(request, "The delivery is being retried.")
        return redirect("delivery", id)


class ReplayView(IntegrationsView):
    """The progress of a replay."""

    tab = "webhooks"
    template_name = "integrations/replay.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        rows = Replay.objects.select_related("subscription")
        return super().get_context_data(**{**kwargs, "replay": self.get_or_404(rows, kwargs["id"], brand_field=BRAND)})


def _with_last_attempts(deliveries: list[Delivery]) -> list[Any]:
    """Return the deliveries, each with its last finished attempt. One query reads all attempts."""
    newest = Attempt.objects.filter(delivery_id__in=[delivery.pk for delivery in deliveries])
    newest = newest.exclude(outcome=Attempt.Outcome.STARTED).order_by("delivery_id", "-number").distinct("delivery_id")
    found = {attempt.delivery_id: attempt for attempt in newest.defer("response_body")}
    return [{"row": delivery, "last": found.get(delivery.pk)} for delivery in deliveries]


def _headers(delivery: Delivery) -> tuple[dict[str, str], str]:
    """Return the headers of the next attempt as if it were made now, and an error message if it cannot be made."""
    now, webhook = timezone.now(), delivery.subscription
    claimed = ClaimedDelivery(
        delivery_id=delivery.pk,
        workspace_id=delivery.workspace_id,
        subscription_id=webhook.pk,
        lease=delivery.pk,
        number=delivery.last_number + 1,
        trigger=Trigger.MANUAL,
        attempts_made=delivery.attempts_made,
        url=webhook.url,
        encrypted_secrets=webhook.secrets_at(now),
        event_id=delivery.event_id,
        event_name=delivery.event.name,
        body=bytes(delivery.event.body),
    )
    try:
        return signed_headers(claimed, now), ""
    except DecryptionError as error:
        return {}, str(error)


def _curl(url: str, headers: dict[str, str], body: str) -> str:
    """Return the request as a shell command. Receivers accept its signature for five minutes."""
    lines = [f"curl -X POST {shlex.quote(url)}"]
    lines += [f"-H {shlex.quote(f'{name}: {value}')}" for name, value in headers.items()]
    return " \\\n  ".join([*lines, f"--data-raw {shlex.quote(body)}"])
