"""The calls of widget.js. See docs/widget.md."""

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

from brands.actions import note_widget
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
from widget.identity import is_proven
from widget.magic_links import visitor_for
from widget.serializers import (
    Configuration,
    History,
    Identify,
    NewVisitorFile,
    NewVisitorMessage,
    OfThread,
    Return,
    Start,
)
from widget.thread import message_json, page_before, place_of, thread_of
from widget.user_agent import browser_of
from widget.visitor_tokens import REFUSED, issue_token, visitors

CONFIG_CACHE = "public, max-age=60, stale-while-revalidate=86400"


class WidgetView(APIView):
    """Base of every call: no key, a brand by its widget id, a site that may carry it, a limit, and perhaps a visitor token."""

    authentication_classes = ()
    permission_classes = ()
    schema = None
    is_token_due = False  # for renewal

    def brand(self, widget_id: str) -> Brand:
        """Raises NotHere, and PermissionDenied for a page of a site that may not carry the widget. A browser leaves Origin
        out of a plain GET to its own origin only."""
        brand = Brand.objects.filter(widget_id=widget_id).first()
        if brand is None:
            raise NotFound("There is no such widget.")
        self._check_origin(brand)
        return brand

    def _check_origin(self, brand: Brand) -> None:
        origin = self.request.headers.get("Origin")
        is_ours = origin is None and self.request.method == "GET"
        if not is_ours and not is_allowed(origin or "", brand.allowed_domains):
            raise PermissionDenied("This site may not carry the widget.", "origin_not_allowed")

    def visitor(self, widget_id: str) -> Visitor:
        """Who the token in the Authorization header stands for, with their brand. Raises what `brand` raises, and
        AuthenticationFailed."""
        try:
            visitor, self.is_token_due = visitors.read(self._token())
        except FunctionError as error:
            self.brand(widget_id)
            raise AuthenticationFailed(str(error), "unauthenticated") from error
        if visitor.brand.widget_id != widget_id:
            self.brand(widget_id)
            raise AuthenticationFailed("This token is of another brand.", "unauthenticated")
        self._check_origin(visitor.brand)
        return visitor

    def _token(self) -> str:
        scheme, _, token = self.request.headers.get("Authorization", "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" else ""

    def checked(self, shape: type[Serializer[Any]], data: Any) -> dict[str, Any]:
        """Raises ValidationError naming the fields."""
        serializer = shape(data=data)
        serializer.is_valid(raise_exception=True)
        values: dict[str, Any] = serializer.validated_data
        return values

    def get_authenticate_header(self, request: Request) -> str:
        return "Bearer"

    def handle_exception(self, exc: Exception) -> Response:
        """The error as REST tells it, with its code, and with the fields that a form can mark."""
        if isinstance(exc, actions.Blocked):
            exc = PermissionDenied(str(exc), "blocked")
        if isinstance(exc, Visitor.DoesNotExist):  # erased or merged since the token was read
            exc = AuthenticationFailed(REFUSED, "unauthenticated")
        response = super().handle_exception(exc)
        response.data["code"] = response.headers.get("X-Error-Code", "invalid")
        if isinstance(exc, ValidationError) and isinstance(exc.detail, dict):
            codes: Any = exc.get_codes()
            response.data["fields"] = {str(name): _word(words) for name, words in codes.items()}
        return response

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        response.setdefault("Cache-Control", "no-store")
        patch_vary_headers(response, ["Origin"])
        return response


def _word(codes: Any) -> str:
    first = codes[0] if isinstance(codes, list) and codes else codes
    if first in ("required", "blank", "null"):
        return "required"
    return "too_long" if first in ("max_length", "too_long") else "invalid"


class Config(WidgetView):
    def get(self, request: Request) -> HttpResponse:
        query = self.checked(Configuration, request.query_params.dict())
        brand = self.brand(query["id"])
        if request.headers.get("Origin", settings.BASE_URL) != settings.BASE_URL:
            note_widget(brand)
        body = orjson.dumps(configuration_json(brand, query.get("locale", "")))
        headers = {"Cache-Control": CONFIG_CACHE, "ETag": f'"{hashlib.sha256(body).hexdigest()[:32]}"'}
        if headers["ETag"] in request.headers.get("If-None-Match", ""):
            return HttpResponse(status=304, headers=headers)
        return HttpResponse(body, content_type="application/json", headers=headers)


class StartThread(WidgetView):
    def post(self, request: Request) -> Response:
        limits.count_call(request)
        form = self.checked(Start, request.data)
        brand = self.brand(form["widgetId"])
        limits.count_start(request, brand.pk)
        visitor, message = actions.start(
            brand,
            _person(brand, form),
            body=form["message"],
            client_id=form["clientId"],
            page=form.get("page", ""),
            browser=_browser(request),
        )
        answer = {"token": issue_token(visitor), "messageId": str(message.pk), "visitor": _visitor_json(visitor)}
        return Response(answer, status=201)


class IdentifyVisitor(WidgetView):
    """Who is signed in on the page. The browser's visitor token may come along: what an anonymous visitor wrote goes to the
    person who signs in. Nothing is recorded of somebody who has never written."""

    def post(self, request: Request) -> Response:
        limits.count_call(request)
        form = self.checked(Identify, request.data)
        brand = self.brand(form["widgetId"])
        visitor = actions.identify(brand, _proven(brand, form), anonymous=self._anonymous(brand))
        if visitor is None:
            return Response({"token": None, "visitor": None})
        return Response({"token": issue_token(visitor), "visitor": _visitor_json(visitor)})

    def _anonymous(self, brand: Brand) -> Visitor | None:
        """The visitor of the token that came along; None without one, and where the token is another person's or has ended."""
        try:
            visitor, _ = visitors.read(self._token())
        except FunctionError:
            return None
        return visitor if visitor.brand_id == brand.pk and visitor.external_id is None else None


class ReturnToThread(WidgetView):
    """By the link of an e-mail, on whichever device it is opened."""

    def post(self, request: Request) -> Response:
        limits.count_call(request)
        form = self.checked(Return, request.data)
        visitor = visitor_for(form["code"])
        if visitor and visitor.brand.widget_id == form["widgetId"]:
            self._check_origin(visitor.brand)
        else:
            self.brand(form["widgetId"])
            raise AuthenticationFailed("This link has ended. Please start again.", "unauthenticated")
        return Response({"token": issue_token(visitor), "visitor": _visitor_json(visitor)})


class VisitorMessages(WidgetView):
    parser_classes = (JsonParser, UploadParser)

    def get(self, request: Request) -> Response:
        limits.count_call(request)
        query = self.checked(History, request.query_params.dict())
        visitor = self.visitor(query["widgetId"])
        if "before" not in query:
            return Response(thread_of(visitor).value)
        pk = parse_id(query["before"])
        place = place_of(visitor.workspace_id, visitor.pk, pk) if pk else None
        if place is None:
            raise NotFound("There is no such message.")
        messages, has_more = page_before(visitor.workspace_id, visitor.pk, place)
        return Response({"messages": [message_json(message) for message in messages], "hasMore": has_more})

    def post(self, request: Request) -> Response:
        limits.count_call(request)
        data: Any = request.data
        is_file = isinstance(data, QueryDict)
        form = self.checked(NewVisitorFile, data.dict()) if is_file else self.checked(NewVisitorMessage, data)
        visitor = self.visitor(form["widgetId"])
        limits.count_message(request, visitor.pk, has_file=is_file)
        if is_file:
            message = self._say_with_file(visitor, form)
        else:
            message = actions.send_visitor_message(
                visitor, body=form["body"], client_id=form["clientId"], browser=_browser(request)
            )
        renewed = {"token": issue_token(visitor)} if self.is_token_due else {}
        return Response({"messageId": str(message.pk), **renewed}, status=201)

    def _say_with_file(self, visitor: Visitor, form: dict[str, Any]) -> Message:
        try:
            with attachments.kept(visitor.workspace_id, form["file"]) as attachment:
                return actions.send_visitor_message(
                    visitor,
                    body=form.get("body", ""),
                    client_id=form["clientId"],
                    attachment=attachment,
                    browser=_browser(self.request),
                )
        except attachments.InvalidUpload as error:
            raise ValidationError({"file": [ErrorDetail(str(error), error.code)]}) from error


class VisitorAttachment(WidgetView):
    """A file of the visitor's own thread. Kept by their browser for the token that asked."""

    def get(self, request: Request, id: str) -> FileResponse:
        limits.count_call(request)
        query = self.checked(OfThread, request.query_params.dict())
        visitor, pk = self.visitor(query["widgetId"]), parse_id(id)
        rows = Attachment.objects.filter(workspace_id=visitor.workspace_id, conversation__visitor_id=visitor.pk)
        attachment = rows.filter(pk=pk).first() if pk else None
        if attachment is None:
            raise NotFound("There is no such file.")
        response = attachments.file_response(attachment)
        response["Cache-Control"] = "private, max-age=86400"
        patch_vary_headers(response, ["Authorization"])
        return response


def _person(brand: Brand, form: dict[str, Any]) -> actions.VisitorDetails:
    if form.get("identity"):
        proven = _proven(brand, form["identity"])
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


def _proven(brand: Brand, identity: dict[str, Any]) -> actions.VisitorDetails:
    if not is_proven(brand, identity["id"], identity["hash"]):
        raise PermissionDenied("The identity's hash is wrong: it is not of this id and this brand.", "identity_wrong")
    details = {name: identity.get(name, "") for name in ("name", "email", "phone")}
    return actions.VisitorDetails(external_id=identity["id"], **details)


def _browser(request: Request) -> str:
    return browser_of(request.headers.get("User-Agent", ""))


def _visitor_json(visitor: Visitor) -> dict[str, Any]:
    return {"name": visitor.name, "email": visitor.email or None}
