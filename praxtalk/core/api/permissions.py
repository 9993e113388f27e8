"""What a key's scope allows."""

from collections.abc import Sequence
from typing import Any

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request


class WriteScopeToWrite(BasePermission):
    """Reading needs any key; anything else needs a key of scope write."""

    message = "This key has read scope; this call needs a key of scope write."
    code = "read_only_key"
    free_methods: Sequence[str] = SAFE_METHODS

    def has_permission(self, request: Request, view: Any) -> bool:
        method = (request.method or "").lower()
        is_unknown = not hasattr(view, method)  # answered 405 later on
        return request.method in self.free_methods or is_unknown or bool(view.key.may_write)


class WriteScope(WriteScopeToWrite):
    """Reading too needs a write key: what is shown may hold secrets of others, like a token in a webhook's URL."""

    free_methods = ()


class WholeWorkspace(BasePermission):
    """Not for a key that is limited to a brand: what it would be given reaches further."""

    message = "This key is limited to a brand; this call needs a key of the whole workspace."
    code = "brand_key"

    def has_permission(self, request: Request, view: Any) -> bool:
        is_unknown = not hasattr(view, (request.method or "").lower())  # answered 405 later on
        return is_unknown or view.key.brand_id is None
