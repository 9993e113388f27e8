"""The HTTP endpoints that widget.js calls. See docs/widget.md."""

import hashlib
from typing import Any

import orjson
from django.conf import settings
from django.http import FileResponse, HttpResponse, QueryDict
from django.utils.cache import patch_vary_headers
from rest_framework.exceptions import AuthenticationFailed, ErrorDetail, PermissionDenied, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from brands.actions import record_widget_load
from brands.allowed_domains import is_allowed
from brands.models import Brand
from conversations import attachments
from conversations.models import Attachment, Message, Visitor
from praxtalk.core.api.errors import NotFound
from praxtalk.core.api.json import JsonParser
from praxtalk.core.api.uploads import UploadParser
from praxtalk.core.db.ids import parse_id
from praxtalk.core.live.results import FunctionError
from widget import actions, limits
from widget.configuration import configuration_json
from widget.identity import is_valid_signature
from widget.magic_links import visitor_for
from widget.serializers import (
    ConfigurationQuery,
    HistoryQuery,
    Identify,
    NewVisitorFile,
    NewVisitorMessage,
    Return,
    Start,
    WidgetSerializer,
)
from widget.thread import message_json, page_before, position_of, thread_of
from widget.user_agent import browser_of
from widget.visitor_tokens import UNAVAILABLE_MESSAGE, issue_token, visitors

CONFIG_CACHE = "public, max-age=60, stale-while-revalidate=86400"


class WidgetView(APIView):
    """Base view of the widget's endpoints.

    They need no API key. A request names its brand by the widget id, must come from a site that may embed the widget, is rate
    limited, and may carry a visitor token.
    """

    authentication_classes = ()
    permission_classes = ()
    schema = None
    is_renewal_due = False  # for renewal

    def brand(self, widget_id: str) -> Brand:
        """Return the brand of this widget id.

        Raises NotFound, and PermissionDenied if the site of the request may not embed the widget. A GET without an Origin header
        is allowed, because browsers omit the header only from plain GET requests to the page's own origin.
        """
        brand = Brand.objects.filter(widget_id=widget_id).first()
        if brand is None:
            raise NotFound("There is no such widget.")
        self._check_origin(brand)
        return brand

    def _check_origin(self, brand: Brand) -> None:
        origin = self.request.headers.get("Origin")
        is_ours = origin is None and self.request.method == "GET"
        if not is_ours and not is_allowed(origin or "", brand.allowed_domains):
            raise PermissionDenied("The widget is not allowed on this site.", "origin_not_allowed")

    def visitor(self, widget_id: str) -> Visitor:
        """Return the visitor of the token in the Authorization header, with their brand.

        Raises AuthenticationFailed, and what `brand` raises.
        """
        try:
            visitor, self.is_renewal_due = visitors.read(self._token())
        except FunctionError as error:
            self.brand(widget_id)
            raise AuthenticationFailed(str(error), "unauthenticated") from error
        if visitor.brand.widget_id != widget_id:
            self.brand(widget_id)
            raise AuthenticationFailed("This token belongs to another brand.", "unauthenticated")
        self._check_origin(visitor.brand)
        return visitor

    def _token(self) -> str:
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


class Config(WidgetView):
    def get(self, request: Request) -> HttpResponse:
        query = self.validated(ConfigurationQuery, request.query_params.dict())
        brand = self.brand(query["id"])
        if request.headers.get("Origin", settings.BASE_URL) != settings.BASE_URL:
            record_widget_load(brand)
        body = orjson.dumps(configuration_json(brand, query.get("locale", "")))
        headers = {"Cache-Control": CONFIG_CACHE, "ETag": f'"{hashlib.sha256(body).hexdigest()[:32]}"'}
        if headers["ETag"] in request.headers.get("If-None-Match", ""):
            return HttpResponse(status=304, headers=headers)
        return HttpResponse(body, content_type="application/json", headers=headers)


class StartThread(WidgetView):
    def post(self, request: Request) -> Response:
        limits.count_call(request)
        form = self.validated(Start, request.data)
        brand = self.brand(form["widgetId"])
        limits.count_start(request, brand.pk)
        visitor, message = actions.start_conversation(
            brand,
            _visitor_details(brand, form),
            body=form["message"],
            client_id=form["clientId"],
            page=form.get("page", ""),
            browser=_browser_name(request),
        )
        answer = {"token": issue_token(visitor), "messageId": str(message.pk), "visitor": _visitor_json(visitor)}
        return Response(answer, status=201)


class IdentifyVisitor(WidgetView):
    """Identify the person who is signed in on the page.

    The request may carry the browser's visitor token. The conversations of an anonymous visitor are then assigned to the
    person. Nothing is stored about a person who has never written.
    """

    def post(self, request: Request) -> Response:
        limits.count_call(request)
        form = self.validated(Identify, request.data)
        brand = self.brand(form["widgetId"])
        visitor = actions.identify(brand, _verified_details(brand, form), anonymous=self._anonymous(brand))
        if visitor is None:
            return Response({"token": None, "visitor": None})
        return Response({"token": issue_token(visitor), "visitor": _visitor_json(visitor)})

    def _anonymous(self, brand: Brand) -> Visitor | None:
        """Return the anonymous visitor of the request's token.

        Return None if there is no token, if it is invalid, or if its visitor belongs to another brand or is already identified.
        """
        try:
            visitor, _ = visitors.read(self._token())
        except FunctionError:
            return None
        return visitor if visitor.brand_id == brand.pk and visitor.external_id is None else None


class ReturnToThread(WidgetView):
    """Exchange the code of an e-mail's link for a visitor token, on any device."""

    def post(self, request: Request) -> Response:
        limits.count_call(request)
        form = self.validated(Return, request.data)
        visitor = visitor_for(form["code"])
        if visitor and visitor.brand.widget_id == form["widgetId"]:
            self._check_origin(visitor.brand)
        else:
            self.brand(form["widgetId"])
            raise AuthenticationFailed("This link has expired. Please start a new conversation.", "unauthenticated")
        return Response({"token": issue_token(visitor), "visitor": _visitor_json(visitor)})


class VisitorMessages(WidgetView):
    parser_classes = (JsonParser, UploadParser)

    def get(self, request: Request) -> Response:
        limits.count_call(request)
        query = self.validated(HistoryQuery, request.query_params.dict())
        visitor = self.visitor(query["widgetId"])
        if "before" not in query:
            return Response(thread_of(visitor).value)
        pk = parse_id(query["before"])
        before = position_of(visitor.workspace_id, visitor.pk, pk) if pk else None
        if before is None:
            raise NotFound("There is no such message.")
        messages, has_more = page_before(visitor.workspace_id, visitor.pk, before)
        return Response({"messages": [message_json(message) for message in messages], "hasMore": has_more})

    def post(self, request: Request) -> Response:
        limits.count_call(request)
        data: Any = request.data
        is_file = isinstance(data, QueryDict)
        form = self.validated(NewVisitorFile, data.dict()) if is_file else self.validated(NewVisitorMessage, data)
        visitor = self.visitor(form["widgetId"])
        limits.count_message(request, visitor.pk, has_file=is_file)
        if is_file:
            message = self._send_with_file(visitor, form)
        else:
            message = actions.send_visitor_message(
                visitor, body=form["body"], client_id=form["clientId"], browser=_browser_name(request)
            )
        renewed = {"token": issue_token(visitor)} if self.is_renewal_due else {}
        return Response({"messageId": str(message.pk), **renewed}, status=201)

    def _send_with_file(self, visitor: Visitor, form: dict[str, Any]) -> Message:
        try:
            with attachments.stored_upload(visitor.workspace_id, form["file"]) as attachment:
                return actions.send_visitor_message(
                    visitor,
                    body=form.get("body", ""),
                    client_id=form["clientId"],
                    attachment=attachment,
                    browser=_browser_name(self.request),
                )
        except attachments.InvalidUpload as error:
            raise ValidationError({"file": [ErrorDetail(str(error), error.code)]}) from error


class VisitorAttachment(WidgetView):
    """Return a file of the visitor's own thread. The browser caches it per token."""

    def get(self, request: Request, id: str) -> FileResponse:
        limits.count_call(request)
        query = self.validated(WidgetSerializer, request.query_params.dict())
        visitor, pk = self.visitor(query["widgetId"]), parse_id(id)
        rows = Attachment.objects.filter(workspace_id=visitor.workspace_id, conversation__visitor_id=visitor.pk)
        attachment = rows.filter(pk=pk).first() if pk else None
        if attachment is None:
            raise NotFound("There is no such file.")
        response = attachments.file_response(attachment)
        response["Cache-Control"] = "private, max-age=86400"
        patch_vary_headers(response, ["Authorization"])
        return response


def _visitor_details(brand: Brand, form: dict[str, Any]) -> actions.VisitorDetails:
    if form.get("identity"):
        proven = _verified_details(brand, form["identity"])
        return actions.VisitorDetails(
            name=proven.name or form.get("name") or str(proven.external_id),
            email=proven.email or form.get("email", ""),
            phone=proven.phone or form.get("phone", ""),
            external_id=proven.external_id,
            locale=form.get("locale", ""),
        )
    return actions.VisitorDetails(
        name=form["name"], email=form["email"], phone=form.get("phone", ""), locale=form.get("locale", "")
    )


def _verified_details(brand: Brand, identity: dict[str, Any]) -> actions.VisitorDetails:
    if not is_valid_signature(brand, identity["id"], identity["hash"]):
        raise PermissionDenied("The identity hash is invalid: it does not match this id and brand.", "identity_wrong")
    details = {name: identity.get(name, "") for name in ("name", "email", "phone")}
    return actions.VisitorDetails(external_id=identity["id"], **details)


def _browser_name(request: Request) -> str:
    return browser_of(request.headers.get("User-Agent", ""))


def _visitor_json(visitor: Visitor) -> dict[str, Any]:
    return {"name": visitor.name, "email": visitor.email or None}
