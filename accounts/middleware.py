"""The actor of a request, for the audit log, and in the dashboard also the scope of the signed-in operator."""

from collections.abc import Callable
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from accounts.audit import Actor, audit_actor
from accounts.models import Operator
from accounts.scope import Scope, scope_of
from praxtalk.core.api.address import UNKNOWN_ADDRESS, client_address
from praxtalk.core.validators import time_zones

DASHBOARD = "/app/"
TIME_ZONE_COOKIE = "time_zone"  # set by static/dashboard/appearance.js


def current_operator(request: HttpRequest) -> Operator:
    """Return the signed-in operator, in a view that requires one. Raises TypeError otherwise."""
    if not isinstance(request.user, Operator):
        raise TypeError(request.user)
    return request.user


def current_scope(request: HttpRequest) -> Scope:
    """Return the scope of the signed-in operator, in a view of the dashboard."""
    scope: Scope = request.scope  # type: ignore[attr-defined]
    return scope


class ActorMiddleware:
    """Set the actor of each request, and `request.scope` in the dashboard.

    Must come after Django's `AuthenticationMiddleware`.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with audit_actor(lambda: _actor_of(request)):
            if request.path.startswith(DASHBOARD) and request.user.is_authenticated:
                request.scope = scope_of(current_operator(request))  # type: ignore[attr-defined]
            return self.get_response(request)


class TimeZoneMiddleware:
    """Show the times of dashboard pages in the operator's time zone, or else in the browser's, which
    static/dashboard/appearance.js puts into a cookie.

    Must come after Django's `AuthenticationMiddleware`.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path.startswith(DASHBOARD):
            return self.get_response(request)
        own = request.user.time_zone if isinstance(request.user, Operator) else ""
        with timezone.override(_zone(own) or _zone(request.COOKIES.get(TIME_ZONE_COOKIE, ""))):
            return self.get_response(request)


def _zone(name: str) -> ZoneInfo | None:
    """Return the time zone, or None if the name is empty or unknown. None stands for UTC."""
    return ZoneInfo(name) if name in time_zones() else None


def _actor_of(request: HttpRequest) -> Actor:
    address = client_address(request)
    known = None if address == UNKNOWN_ADDRESS else address
    if request.path.startswith(DASHBOARD) and request.user.is_authenticated:
        return Actor(str(request.user), request.user.pk, known)
    return Actor("Anonymous", None, known)
