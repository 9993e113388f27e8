"""ApiView: the way of every REST call from the door to its endpoint, and back."""

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


class Caller(Protocol):
    """What this package asks of an authenticated key (integrations.models.ApiKey)."""

    pk: UUID
    workspace_id: UUID
    brand_id: UUID | None
    allowed_cidrs: list[str]

    @property
    def may_write(self) -> bool: ...
    def lists_address(self, address: str) -> bool: ...


class ApiView(APIView):
    """Base of every endpoint under /api/v1.

    1. Who is it? The key, or a refusal kept for step 3: no, malformed, revoked or expired key (401), a key used from outside
       its allowlist (403).
    2. Count the IP, unless the key's allowlist holds it, and the key, unless it is refused; 429.
    3. Refuse; and a write needs a write key (403).
    4. The endpoint: shape, get_in_scope or lock_in_scope, one action, answer.
    """

    http_method_names = [  # noqa: RUF012 - Django's own declaration
        "get",
        "post",
        "patch",
        "delete",
        "head",
        "options",
    ]
    usage: limits.Usage | None = None

    @property
    def key(self) -> Caller:
        return cast(Caller, self.request.auth)

    def perform_authentication(self, request: Request) -> None:
        address = client_address(request)
        key, refusal = self._identify(request)
        is_listed = key is not None and key.lists_address(address)
        if key and key.allowed_cidrs and not is_listed:
            refusal = PermissionDenied(f"This key may not be used from {address}.", "address_not_allowed")
        wanted = [] if is_listed else [limits.per_ip(address)]
        if key and not refusal:
            wanted.append(limits.per_key(key))
        self.usage = limits.count_each(*wanted)
        if refusal:
            raise refusal

    def _identify(self, request: Request) -> tuple[Caller | None, APIException | None]:
        """The key, or why there is none. Neither where the call needs none."""
        if not self.authentication_classes:
            return None, None
        try:
            key = cast(Caller | None, request.auth)
        except AuthenticationFailed as refusal:
            return None, refusal
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

    def parameters(self, shape: type[Serializer[Any]]) -> dict[str, Any]:
        """The query parameters, checked by `shape`. Raises ValidationError naming the parameter."""
        query: Mapping[str, Any] = self.request.query_params
        repeated = [name for name, values in self.request.query_params.lists() if len(values) > 1]
        if repeated:
            raise UnprocessableEntity(f"{repeated[0]}: given more than once.")
        return _validate(shape, dict(query.items()))

    def body(self, shape: type[Serializer[Any]]) -> dict[str, Any]:
        """The JSON body, checked by `shape`. Raises ValidationError naming the field."""
        if self.request.query_params:
            raise UnprocessableEntity(f"{next(iter(self.request.query_params))}: this call takes no query parameters.")
        return _validate(shape, self.request.data)

    def validate_empty_body(self) -> None:
        """For a call that takes no body: an empty one, or {}."""
        self.body(StrictSerializer)

    def page_of(
        self,
        keyset: Keyset,
        rows: QuerySet[Any, Any] | Fetch,
        query: dict[str, Any],
        *,
        name: str,
        as_json: Callable[[Any], dict[str, Any]],
    ) -> Response:
        """One page of `rows` as {name: [...], nextCursor?, syncedAt?}."""
        owner = str(self.key.workspace_id)
        read = partial(keyset.page, rows) if isinstance(rows, QuerySet) else partial(keyset.page_from, rows)
        page = read(owner=owner, cursor=query.get("cursor"), limit=query["limit"])
        answer: dict[str, Any] = {name: [as_json(row) for row in page.rows]}
        if page.cursor:
            answer["nextCursor"] = page.cursor
        if keyset.mirrored:
            answer["syncedAt"] = page.synced_at
        return Response(answer)

    def get_in_scope(self, rows: QuerySet[Row], text: str, *, brand_field: str = "brand_id") -> Row:
        """The row of this id in the key's workspace and brand. Raises NotHere (404) and OtherBrand (403)."""
        row_id = parse_id(text)
        row = rows.filter(workspace_id=self.key.workspace_id, pk=row_id).first() if row_id else None
        return self._permitted(row, brand_field)

    def read_in_scope(self, read: Callable[..., list[Row]], text: str) -> Row:
        """The same, read by `read(workspace_id=, row_id=)`, a prepared query."""
        row_id = parse_id(text)
        found = read(workspace_id=self.key.workspace_id, row_id=row_id) if row_id else []
        return self._permitted(found[0] if found else None, "brand_id")

    def lock_in_scope(self, lock: Callable[[UUID, UUID], Row | None], text: str) -> Row:
        """The same, read by `lock(workspace_id, row_id)`: for a call that changes the row, so that its action need not read it
        again."""
        row_id = parse_id(text)
        return self._permitted(lock(self.key.workspace_id, row_id) if row_id else None, "brand_id")

    def _permitted(self, row: Row | None, brand_field: str) -> Row:
        if row is None:
            raise NotFound()
        if self.key.brand_id and self.key.brand_id != getattr(row, brand_field):
            raise OtherBrand()
        return row

    def in_scope(self, rows: QuerySet[Row], *, brand_field: str = "brand_id") -> QuerySet[Row]:
        """The rows of the key's workspace, and of its brand if it has one."""
        rows = rows.filter(workspace_id=self.key.workspace_id)
        return rows.filter(**{brand_field: self.key.brand_id}) if self.key.brand_id else rows


def _validate(shape: type[Serializer[Any]], data: Any) -> dict[str, Any]:
    serializer = shape(data=data)
    serializer.is_valid(raise_exception=True)
    checked: dict[str, Any] = serializer.validated_data
    return checked


class NoSuchEndpoint(ApiView):
    """Any other path under /api/: 404 as JSON, counted per IP like every call."""

    authentication_classes = ()
    permission_classes = ()
    schema = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        self.perform_authentication(request)
        raise NotFound("No such endpoint; the reference is at /api/docs.")
