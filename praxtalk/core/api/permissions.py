"""DRF permissions that check the scope and the brand of an API key."""

from collections.abc import Sequence
from typing import Any

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request


class WriteScopeOrReadOnly(BasePermission):
    """Allow reading with any key, and everything else with a key that has write scope."""

    message = "This key has read scope; this endpoint requires a key with write scope."
    code = "read_only_key"
    unrestricted_methods: Sequence[str] = SAFE_METHODS

    def has_permission(self, request: Request, view: Any) -> bool:
        method = (request.method or "").lower()
        is_unknown = not hasattr(view, method)  # later, DRF responds with 405
        return request.method in self.unrestricted_methods or is_unknown or bool(view.key.may_write)


class WriteScope(WriteScopeOrReadOnly):
    """Require write scope for reading, too: a response may contain secrets, such as a token in a webhook's URL."""

    unrestricted_methods = ()


class WholeWorkspace(BasePermission):
    """Refuse keys that are limited to a brand, because the call grants access beyond that brand."""

    message = "This key is limited to a brand; this endpoint requires a key for the whole workspace."
    code = "brand_key"

    def has_permission(self, request: Request, view: Any) -> bool:
        is_unknown = not hasattr(view, (request.method or "").lower())  # later, DRF responds with 405
        return is_unknown or view.key.brand_id is None
