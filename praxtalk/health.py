"""Health checks. /healthz: this process is alive. /readyz: the services that it depends on are available."""

from datetime import timedelta

import redis
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.utils import timezone

from integrations.models import Delivery, WebhookSubscription

DUE_AGE_WARNING = timedelta(seconds=60)


def healthz(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"ok": True})


def readyz(request: HttpRequest) -> JsonResponse:
    """Report whether the services that PraxTalk needs are available.

    The status is 503 without a database or with migrations that are not applied. It is 200 with "degraded" without Valkey or if
    due webhook deliveries have waited for over a minute.
    """
    checks = {"database": _database(), "valkey": _valkey()}
    if checks["database"] == "ok":
        checks |= {"migrations": _migrations(), "webhooks": _webhooks()}
    is_ready = checks["database"] == "ok" and checks.get("migrations") == "ok"
    status = "ok" if all(value == "ok" for value in checks.values()) else "degraded"
    return JsonResponse({"status": status if is_ready else "unavailable", **checks}, status=200 if is_ready else 503)


def _database() -> str:
    try:
        connection.ensure_connection()
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except (DatabaseError, InterfaceError):
        return "does not answer"
    return "ok"


def _migrations() -> str:
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return f"{len(plan)} not applied" if plan else "ok"


def _valkey() -> str:
    try:
        with redis.Redis.from_url(settings.REDIS_URL, **settings.VALKEY_OPTIONS) as client:
            client.ping()
    except (redis.RedisError, OSError):
        return "does not answer"
    return "ok"


def _webhooks() -> str:
    """Check for overdue deliveries.

    The query is cheap: in the index delivery_due, the entries of each subscription begin with its oldest due delivery.
    """
    late = Delivery.objects.filter(
        subscription__status=WebhookSubscription.Status.ACTIVE,
        status=Delivery.Status.PENDING,
        lease__isnull=True,
        next_attempt_at__lt=timezone.now() - DUE_AGE_WARNING,
    )
    return "the oldest due delivery waits for over 60 s" if late.exists() else "ok"
