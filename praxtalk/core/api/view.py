"""The base view of all REST endpoints: API key authentication, rate limits, scope checks and pagination."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Protocol, TypeVar, cast
from uuid import UUID

from django.db.models import Model, QuerySet
from rest_framework.exceptions import APIException, AuthenticationFailed, NotAuthenticated, PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from praxtalk.core.api import limits
from praxtalk.core.api.address import client_address
from praxtalk.core.api.errors import NotFound, OtherBrand, UnprocessableEntity
from praxtalk.core.api.pagination import Fetch, Keyset
from praxtalk.core.api.serializers import StrictSerializer
from praxtalk.core.db.ids import parse_id

Row = TypeVar("Row", bound=Model)


class AuthenticatedKey(Protocol):
    """What this package needs of an authenticated API key."""

    pk: UUID
    workspace_id: UUID
    brand_id: UUID | None
    allowed_cidrs: list[str]

    @property
    def may_write(self) -> bool: ...
    def allowlist_contains(self, address: str) -> bool: ...


class ApiView(APIView):
    """Base of every endpoint under /api/v1. A request passes these steps:

    1. Authentication. An error is raised only in step 3: 401 if the key is missing, malformed, unknown, revoked or expired, 403
       if the client's address is not in the key's allowlist.
    2. Rate limits. The client's IP address is counted unless the key's allowlist contains it; the key is counted if step 1
       accepted it. An exceeded limit is a 429.
    3. The error of step 1. The permissions follow: 403 if the call writes and the key has read scope.
    4. The endpoint: it validates the input, reads the row with `get_in_scope` or `lock_in_scope`, calls one action, responds.
    """

    http_method_names = [  # noqa: RUF012 - as Django declares it
        "get",
        "post",
        "patch",
        "delete",
        "head",
        "options",
    ]
    usage: limits.Usage | None = None

    @property
    def key(self) -> AuthenticatedKey:
        return cast(AuthenticatedKey, self.request.auth)

    def perform_authentication(self, request: Request) -> None:
        address = client_address(request)
        key, error = self._identify(request)
        is_allowlisted = key is not None and key.allowlist_contains(address)
        if key and key.allowed_cidrs and not is_allowlisted:
            error = PermissionDenied(f"This key may not be used from {address}.", "address_not_allowed")
        counted_limits = [] if is_allowlisted else [limits.per_ip(address)]
        if key and not error:
            counted_limits.append(limits.per_key(key))
        self.usage = limits.count_each(*counted_limits)
        if error:
            raise error

    def _identify(self, request: Request) -> tuple[AuthenticatedKey | None, APIException | None]:
        """Return the key, or the error that explains why there is none. Both are None if the call needs no key."""
        if not self.authentication_classes:
            return None, None
        try:
            key = cast(AuthenticatedKey | None, request.auth)
        except AuthenticationFailed as error:
            return None, error
        return key, None if key else NotAuthenticated("Send an API key: Authorization: Bearer ptk_live_...")

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, limits.LimitReached):
            self.usage = exc.usage
        return super().handle_exception(exc)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        if self.usage:
            for name, value in self.usage.headers.items():
                response[name] = value
        response["Cache-Control"] = "no-store"
        return response

    def parameters(self, serializer_class: type[Serializer[Any]]) -> dict[str, Any]:
        """Return the query parameters, validated by the serializer `serializer_class`.

        Raises ValidationError or UnprocessableEntity, which name the parameter.
        """
        query: Mapping[str, Any] = self.request.query_params
        repeated = [name for name, values in self.request.query_params.lists() if len(values) > 1]
        if repeated:
            raise UnprocessableEntity(f"{repeated[0]}: must be given only once.")
        return _validate(serializer_class, dict(query.items()))

    def body(self, serializer_class: type[Serializer[Any]]) -> dict[str, Any]:
        """Return the JSON body, validated by the serializer `serializer_class`.

        Raises ValidationError, which names the field, or UnprocessableEntity if the request has query parameters.
        """
        if self.request.query_params:
            raise UnprocessableEntity(
                f"{next(iter(self.request.query_params))}: this endpoint accepts no query parameters."
            )
        return _validate(serializer_class, self.request.data)

    def validate_empty_body(self) -> None:
        """Check that the body is missing, empty or {}. Raises what `body` raises otherwise."""
        self.body(StrictSerializer)

    def paginated_response(
        self,
        keyset: Keyset,
        rows: QuerySet[Any, Any] | Fetch,
        query: dict[str, Any],
        *,
        name: str,
        as_json: Callable[[Any], dict[str, Any]],
    ) -> Response:
        """Return one page of `rows` as {name: [...], nextCursor?, syncedAt?}. Raises UnprocessableEntity for a bad cursor."""
        owner = str(self.key.workspace_id)
        read = partial(keyset.page, rows) if isinstance(rows, QuerySet) else partial(keyset.page_from, rows)
        page = read(owner=owner, cursor=query.get("cursor"), limit=query["limit"])
        data: dict[str, Any] = {name: [as_json(row) for row in page.rows]}
        if page.cursor:
            data["nextCursor"] = page.cursor
        if keyset.supports_updated_since:
            data["syncedAt"] = page.synced_at
        return Response(data)

    def get_in_scope(self, rows: QuerySet[Row], text: str, *, brand_field: str = "brand_id") -> Row:
        """Return the row with this id in the key's workspace and brand.

        Raises NotFound (404) if the workspace has no such row, OtherBrand (403) if the row belongs to another brand.
        """
        row_id = parse_id(text)
        row = rows.filter(workspace_id=self.key.workspace_id, pk=row_id).first() if row_id else None
        return self._check_brand(row, brand_field)

    def get_in_scope_compiled(self, read: Callable[..., list[Row]], text: str) -> Row:
        """Like `get_in_scope`, but read the row with `read(workspace_id=, row_id=)`, a compiled query."""
        row_id = parse_id(text)
        rows = read(workspace_id=self.key.workspace_id, row_id=row_id) if row_id else []
        return self._check_brand(rows[0] if rows else None, "brand_id")

    def lock_in_scope(self, lock: Callable[[UUID, UUID], Row | None], text: str) -> Row:
        """Like `get_in_scope`, but lock the row with `lock(workspace_id, row_id)`.

        Use it for a call that changes the row, so that the action does not read the row again.
        """
        row_id = parse_id(text)
        return self._check_brand(lock(self.key.workspace_id, row_id) if row_id else None, "brand_id")

    def _check_brand(self, row: Row | None, brand_field: str) -> Row:
        if row is None:
            raise NotFound()
        if self.key.brand_id and self.key.brand_id != getattr(row, brand_field):
            raise OtherBrand()
        return row

    def in_scope(self, rows: QuerySet[Row], *, brand_field: str = "brand_id") -> QuerySet[Row]:
        """Limit `rows` to the key's workspace, and to its brand if the key is limited to one."""
        rows = rows.filter(workspace_id=self.key.workspace_id)
        return rows.filter(**{brand_field: self.key.brand_id}) if self.key.brand_id else rows


def _validate(serializer_class: type[Serializer[Any]], data: Any) -> dict[str, Any]:
    serializer = serializer_class(data=data)
    serializer.is_valid(raise_exception=True)
    validated: dict[str, Any] = serializer.validated_data
    return validated


class NoSuchEndpoint(ApiView):
    """Respond to any other path under /api/ with a JSON 404. The call counts against the per-IP limit."""

    authentication_classes = ()
    permission_classes = ()
    schema = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        self.perform_authentication(request)
        raise NotFound("No such endpoint. See /api/docs for the API reference.")
