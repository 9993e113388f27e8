"""Endpoints /api/v1/webhooks: manage subscriptions and their secrets, and send a test.

They need a key with write scope. A key that is limited to a brand manages only the webhooks of this brand.
"""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from brands.api import brand_in_scope
from integrations.actions import subscriptions
from integrations.models import WebhookSubscription
from integrations.serializers.webhooks import (
    NewSecret,
    NewWebhook,
    TestResult,
    WebhookChange,
    WebhookCreated,
    WebhookDetail,
    WebhookList,
    WebhookQuery,
    webhook_json,
)
from integrations.webhooks.pings import ping
from praxtalk.core.api import limits
from praxtalk.core.api.errors import NotFound, UnprocessableEntity
from praxtalk.core.api.idempotency import idempotent, idempotent_with_precheck, idempotent_without_transaction
from praxtalk.core.api.outgoing_slots import outgoing_slot
from praxtalk.core.api.pagination import Keyset
from praxtalk.core.api.permissions import WriteScope
from praxtalk.core.api.serializers import OkSerializer, StrictSerializer
from praxtalk.core.api.view import ApiView
from praxtalk.core.db.transactions import joined_transaction
from praxtalk.core.http.addresses import ForbiddenUrl, PermittedUrl, check_url, parse_url

OLDEST_FIRST = Keyset("webhooks", ("id",), lambda webhook: [str(webhook.pk)])
TAGS = ["Webhooks"]
FIELD_NAMES = {"holdEvents": "holds_events"}  # model fields by JSON names that differ from them


class WebhookView(ApiView):
    permission_classes = (WriteScope,)

    def handle_exception(self, exc: Exception) -> Response:
        return super().handle_exception(NotFound() if isinstance(exc, subscriptions.WebhookDeleted) else exc)

    def webhook(self, id: str) -> WebhookSubscription:
        return self.get_in_scope(WebhookSubscription.objects.all(), id)

    def lock_webhook(self, id: str) -> WebhookSubscription:
        return self.lock_in_scope(subscriptions.lock_webhook, id)


def _permitted(url: str) -> PermittedUrl:
    try:
        return check_url(url)
    except ForbiddenUrl as error:
        raise UnprocessableEntity(str(error)) from error


def _check_url(view: ApiView, request: Request) -> None:
    _permitted(view.body(NewWebhook)["url"])


class Webhooks(WebhookView):
    @extend_schema(
        operation_id="listWebhooks",
        summary="List webhooks, oldest first",
        tags=TAGS,
        parameters=[WebhookQuery],
        responses=WebhookList,
    )
    def get(self, request: Request) -> Response:
        query = self.parameters(WebhookQuery)
        rows = self.in_scope(WebhookSubscription.objects.all())
        if brand := brand_in_scope(self, query.get("brandId")):
            rows = rows.filter(brand_id=brand.pk)
        if "status" in query:
            rows = rows.filter(status=query["status"])
        return self.paginated_response(OLDEST_FIRST, rows, query, name="webhooks", as_json=webhook_json)

    @extend_schema(
        operation_id="createWebhook",
        summary="Create a webhook. Its secret is shown only once",
        tags=TAGS,
        request=NewWebhook,
        responses={201: WebhookCreated},
    )
    @idempotent_with_precheck(_check_url)
    def post(self, request: Request) -> Response:
        body = self.body(NewWebhook)
        brand_id = body.pop("brandId", None) or (str(self.key.brand_id) if self.key.brand_id else None)
        brand = brand_in_scope(self, brand_id)
        body["url"] = PermittedUrl(parse_url(body["url"]).url)  # checked by _check_url
        try:
            webhook, secret = subscriptions.create_webhook(self.key.workspace_id, brand=brand, **body)
        except subscriptions.TooManyWebhooks as error:
            raise UnprocessableEntity(str(error), "too_many_webhooks") from error
        data = {"webhookId": str(webhook.pk), "secret": secret}
        return Response(data, status=201, headers={"Location": f"/api/v1/webhooks/{webhook.pk}"})


class WebhookById(WebhookView):
    @extend_schema(operation_id="getWebhook", summary="Get a webhook", tags=TAGS, responses=WebhookDetail)
    def get(self, request: Request, id: str) -> Response:
        self.parameters(StrictSerializer)
        return Response({"webhook": webhook_json(self.webhook(id))})

    @extend_schema(
        operation_id="updateWebhook",
        summary="Update, pause or resume a webhook",
        tags=TAGS,
        request=WebhookChange,
        responses=OkSerializer,
    )
    def patch(self, request: Request, id: str) -> Response:
        webhook, body = self.webhook(id), self.body(WebhookChange)
        changes: dict[str, Any] = {FIELD_NAMES.get(name, name): value for name, value in body.items()}
        if "url" in changes:
            changes["url"] = _permitted(changes["url"])
        try:
            subscriptions.change_webhook(webhook, **changes)
        except subscriptions.NotPaused as error:
            raise UnprocessableEntity(
                "holdEvents: This applies only to a paused webhook. Send it together with status paused."
            ) from error
        return Response({"ok": True})

    @extend_schema(
        operation_id="deleteWebhook",
        summary="Delete a webhook and its deliveries",
        tags=TAGS,
        responses={200: OkSerializer},
    )
    def delete(self, request: Request, id: str) -> Response:
        self.validate_empty_body()
        with joined_transaction():
            subscriptions.delete_webhook(self.lock_in_scope(subscriptions.lock_webhook_to_delete, id))
        return Response({"ok": True})


class RotateSecret(WebhookView):
    @extend_schema(
        operation_id="rotateWebhookSecret",
        summary="Rotate the secret. The new one signs second until it is promoted",
        tags=TAGS,
        request=None,
        responses=NewSecret,
    )
    @idempotent
    def post(self, request: Request, id: str) -> Response:
        self.validate_empty_body()
        try:
            return Response({"secret": subscriptions.rotate_secret(self.lock_webhook(id))})
        except subscriptions.OldSecretStillSigns as error:
            raise UnprocessableEntity(
                "The previous secret still signs requests for 24 hours after the promotion. Retire it first.",
                "old_secret_signs",
            ) from error


class PromoteSecret(WebhookView):
    @extend_schema(
        operation_id="promoteWebhookSecret",
        summary="Promote the new secret. The old one signs second for 24 hours",
        tags=TAGS,
        request=None,
        responses=OkSerializer,
    )
    @idempotent
    def post(self, request: Request, id: str) -> Response:
        self.validate_empty_body()
        try:
            subscriptions.promote_secret(self.lock_webhook(id))
        except subscriptions.NothingToPromote as error:
            raise UnprocessableEntity(
                "There is no new secret to promote. Rotate the secret first.", "nothing_to_promote"
            ) from error
        return Response({"ok": True})


class RetireSecret(WebhookView):
    @extend_schema(
        operation_id="retireWebhookSecret",
        summary="Retire the second secret immediately",
        tags=TAGS,
        request=None,
        responses=OkSerializer,
    )
    @idempotent
    def post(self, request: Request, id: str) -> Response:
        self.validate_empty_body()
        subscriptions.retire_secret(self.webhook(id))
        return Response({"ok": True})


class TestWebhook(WebhookView):
    @extend_schema(
        operation_id="testWebhook",
        summary="Send a ping and return the result",
        tags=TAGS,
        request=None,
        responses=TestResult,
    )
    @idempotent_without_transaction
    def post(self, request: Request, id: str) -> Response:
        self.validate_empty_body()
        webhook = self.webhook(id)
        with outgoing_slot(webhook.workspace_id):
            self.usage = limits.most_restrictive(self.usage, limits.count_webhook_test(self.key))
            result = ping(webhook)
        return Response(
            {
                "delivered": result.is_success,
                "statusCode": result.status_code,
                "durationMs": result.duration_ms,
                "error": result.error or None,
            }
        )
