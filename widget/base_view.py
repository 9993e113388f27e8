"""The base view of the HTTP endpoints that widget.js calls."""

from typing import Any

from django.utils.cache import patch_vary_headers
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from brands.allowed_domains import is_allowed
from brands.models import Brand
from conversations.models import Visitor
from praxtalk.core.api.errors import NotFound
from praxtalk.core.live.results import FunctionError
from widget import actions
from widget.visitor_tokens import UNAVAILABLE_MESSAGE, visitors


class WidgetView(APIView):
    """Base view of the widget's endpoints.

    They need no API key. A request names its brand by the widget id, must come from a site that may embed the widget, is rate
    limited, and may carry a visitor token.
    """

    authentication_classes = ()
    permission_classes = ()
    schema = None
    is_renewal_due = False  # whether the visitor's token should be renewed; set by `visitor`

    def brand(self, widget_id: str) -> Brand:
        """Return the brand of this widget id.

        Raises NotFound, and PermissionDenied if the site of the request may not embed the widget. A GET without an Origin header
        is allowed, because browsers omit the header only from plain GET requests to the page's own origin.
        """
        brand = Brand.objects.filter(widget_id=widget_id).first()
        if brand is None:
            raise NotFound("There is no such widget.")
        self.check_origin(brand)
        return brand

    def check_origin(self, brand: Brand) -> None:
        """Raise PermissionDenied if the site of the request may not embed the widget."""
        origin = self.request.headers.get("Origin")
        is_same_origin = origin is None and self.request.method == "GET"
        if not is_same_origin and not is_allowed(origin or "", brand.allowed_domains):
            raise PermissionDenied("The widget is not allowed on this site.", "origin_not_allowed")

    def visitor(self, widget_id: str) -> Visitor:
        """Return the visitor of the token in the Authorization header, with their brand.

        Raises AuthenticationFailed, and what `brand` raises.
        """
        try:
            visitor, self.is_renewal_due = visitors.read(self.token())
        except FunctionError as error:
            self.brand(widget_id)
            raise AuthenticationFailed(str(error), "unauthenticated") from error
        if visitor.brand.widget_id != widget_id:
            self.brand(widget_id)
            raise AuthenticationFailed("This token belongs to another brand.", "unauthenticated")
        self.check_origin(visitor.brand)
        return visitor

    def token(self) -> str:
        """Return the token in the Authorization header, or "" if there is none."""
        scheme, _, token = self.request.headers.get("Authorization", "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" else ""

    def validated(self, serializer_class: type[Serializer[Any]], data: Any) -> dict[str, Any]:
        """Return the validated data. Raises ValidationError with the names of the invalid fields."""
        serializer = serializer_class(data=data)
        serializer.is_valid(raise_exception=True)
        values: dict[str, Any] = serializer.validated_data
        return values

    def get_authenticate_header(self, request: Request) -> str:
        return "Bearer"

    def handle_exception(self, exc: Exception) -> Response:
        """Return the error in the format of the REST API, plus its code and the invalid fields, which the form marks."""
        if isinstance(exc, actions.Blocked):
            exc = PermissionDenied(str(exc), "blocked")
        if isinstance(exc, Visitor.DoesNotExist):  # erased or merged since the token was read
            exc = AuthenticationFailed(UNAVAILABLE_MESSAGE, "unauthenticated")
        response = super().handle_exception(exc)
        response.data["code"] = response.headers.get("X-Error-Code", "invalid")
        if isinstance(exc, ValidationError) and isinstance(exc.detail, dict):
            codes: Any = exc.get_codes()
            response.data["fields"] = {str(name): _field_error_code(error_codes) for name, error_codes in codes.items()}
        return response

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        response.setdefault("Cache-Control", "no-store")
        patch_vary_headers(response, ["Origin"])
        return response


def _field_error_code(codes: Any) -> str:
    first = codes[0] if isinstance(codes, list) and codes else codes
    if first in ("required", "blank", "null"):
        return "required"
    return "too_long" if first in ("max_length", "too_long") else "invalid"
