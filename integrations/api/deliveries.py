"""Endpoints /api/v1/deliveries and /api/v1/replays: list deliveries with their attempts, and send them again."""

from django.db.models import F, QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from integrations.actions import replays
from integrations.api.webhooks import TAGS, WebhookView
from integrations.models import Delivery, Replay
from integrations.serializers.deliveries import (
    DeliveryDetail,
    DeliveryList,
    DeliveryQuery,
    NewReplay,
    ReplayCreated,
    ReplayState,
    attempt_json,
    delivery_json,
)
from praxtalk.core.api.errors import UnprocessableEntity
from praxtalk.core.api.idempotency import idempotent
from praxtalk.core.api.pagination import Keyset
from praxtalk.core.api.serializers import OkSerializer, StrictSerializer

NEWEST_FIRST = Keyset(
    "deliveries", ("-created_at", "-id"), lambda delivery: [delivery.created_at.isoformat(), str(delivery.pk)]
)
MAX_SHOWN_ATTEMPTS = 100


def _deliveries() -> QuerySet[Delivery]:
    """Return deliveries with the brand that determines whether they are in scope, and without the bodies of their events."""
    rows = Delivery.objects.annotate(brand_id=F("subscription__brand_id"), type=F("event__name"))
    return rows.only("id", "workspace_id", "subscription_id", "event_id", "status", "attempts_made", "next_attempt_at",
        "created_at")  # fmt: skip


class Deliveries(WebhookView):
    @extend_schema(
        operation_id="listDeliveries",
        summary="List deliveries, newest first",
        tags=TAGS,
        parameters=[DeliveryQuery],
        responses=DeliveryList,
    )
    def get(self, request: Request) -> Response:
        query = self.parameters(DeliveryQuery)
        rows = self.in_scope(_deliveries())
        if "webhookId" in query:
            rows = rows.filter(subscription_id=self.webhook(query["webhookId"]).pk)
        if "status" in query:
            rows = rows.filter(status=query["status"])
        if "type" in query:
            rows = rows.filter(event__name=query["type"])
        return self.paginated_response(NEWEST_FIRST, rows, query, name="deliveries", as_json=delivery_json)


class DeliveryById(WebhookView):
    @extend_schema(
        operation_id="getDelivery", summary="Get a delivery with its attempts", tags=TAGS, responses=DeliveryDetail
    )
    def get(self, request: Request, id: str) -> Response:
        self.parameters(StrictSerializer)
        delivery = self.get_in_scope(_deliveries(), id)
        newest = delivery.attempts.filter(workspace_id=delivery.workspace_id).order_by("-number")[:MAX_SHOWN_ATTEMPTS]
        log = [attempt_json(attempt) for attempt in reversed(newest)]
        return Response({"delivery": delivery_json(delivery) | {"log": log}})


class RetryDelivery(WebhookView):
    @extend_schema(
        operation_id="retryDelivery", summary="Retry a delivery now", tags=TAGS, request=None, responses=OkSerializer
    )
    @idempotent
    def post(self, request: Request, id: str) -> Response:
        self.validate_empty_body()
        try:
            replays.retry(self.get_in_scope(_deliveries(), id))
        except replays.WebhookPaused as error:
            raise UnprocessableEntity(
                "This webhook is paused. Set its status to active first.", "webhook_paused"
            ) from error
        return Response({"ok": True})


class ReplayDeliveries(WebhookView):
    @extend_schema(
        operation_id="replayDeliveries",
        summary="Replay deliveries that failed, succeeded or are missing",
        tags=TAGS,
        request=NewReplay,
        responses={201: ReplayCreated},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        body = self.body(NewReplay)
        replay = replays.start_replay(
            self.lock_webhook(body["webhookId"]),
            what=body["status"],
            event_name=body.get("type"),
            since=body.get("since"),
            until=body.get("until"),
        )
        return Response({"replayId": str(replay.pk)}, status=201, headers={"Location": f"/api/v1/replays/{replay.pk}"})


class ReplayById(WebhookView):
    @extend_schema(operation_id="getReplay", summary="Get the progress of a replay", tags=TAGS, responses=ReplayState)
    def get(self, request: Request, id: str) -> Response:
        self.parameters(StrictSerializer)
        replay = self.get_in_scope(Replay.objects.annotate(brand_id=F("subscription__brand_id")), id)
        return Response({"total": replay.total, "done": replay.done, "status": replay.status})
