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

from brands.actions import record_widget_load
from brands.models import Brand
from conversations import attachments
from conversations.models import Attachment, Message, Visitor
from praxtalk.core.api.errors import NotFound
from praxtalk.core.api.json import JsonParser
from praxtalk.core.api.uploads import UploadParser
from praxtalk.core.db.ids import parse_id
from praxtalk.core.live.results import FunctionError
from widget import actions, limits
from widget.base_view import WidgetView
from widget.configuration import configuration_json
from widget.identity import is_valid_signature
from widget.magic_links import visitor_from_code
from widget.serializers import (
    ConfigurationQuery,
    HistoryQuery,
    IdentifyRequest,
    MagicLinkCode,
    NewConversation,
    NewVisitorFile,
    NewVisitorMessage,
    WidgetArguments,
)
from widget.thread import page_before, position_of, thread_of, visitor_json, visitor_message_json
from widget.user_agent import browser_of
from widget.visitor_tokens import issue_token, visitors

CONFIG_CACHE = "public, max-age=60, stale-while-revalidate=86400"


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
        data = self.validated(NewConversation, request.data)
        brand = self.brand(data["widgetId"])
        limits.count_start(request, brand.pk)
        visitor, message = actions.start_conversation(
            brand,
            _visitor_details(brand, data),
            body=data["message"],
            client_id=data["clientId"],
            page=data.get("page", ""),
            browser=_browser_name(request),
        )
        token = issue_token(visitor)
        return Response({"token": token, "messageId": str(message.pk), "visitor": visitor_json(visitor)}, status=201)


class IdentifyVisitor(WidgetView):
    """Identify the person who is signed in on the page.

    The request may carry the browser's visitor token. The conversations of an anonymous visitor are then assigned to the
    person. Nothing is stored about a person who has never written.
    """

    def post(self, request: Request) -> Response:
        limits.count_call(request)
        data = self.validated(IdentifyRequest, request.data)
        brand = self.brand(data["widgetId"])
        visitor = actions.identify(brand, _verified_details(brand, data), anonymous=self._anonymous(brand))
        if visitor is None:
            return Response({"token": None, "visitor": None})
        return Response({"token": issue_token(visitor), "visitor": visitor_json(visitor)})

    def _anonymous(self, brand: Brand) -> Visitor | None:
        """Return the anonymous visitor of the request's token.

        Return None if there is no token, if it is invalid, or if its visitor belongs to another brand or is already identified.
        """
        try:
            visitor, _ = visitors.read(self.token())
        except FunctionError:
            return None
        return visitor if visitor.brand_id == brand.pk and visitor.external_id is None else None


class ReturnToThread(WidgetView):
    """Exchange the code of a magic link for a visitor token, on any device."""

    def post(self, request: Request) -> Response:
        limits.count_call(request)
        data = self.validated(MagicLinkCode, request.data)
        visitor = visitor_from_code(data["code"])
        if visitor and visitor.brand.widget_id == data["widgetId"]:
            self.check_origin(visitor.brand)
        else:
            self.brand(data["widgetId"])
            raise AuthenticationFailed("This link has expired. Please start a new conversation.", "unauthenticated")
        return Response({"token": issue_token(visitor), "visitor": visitor_json(visitor)})


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
        return Response({"messages": [visitor_message_json(message) for message in messages], "hasMore": has_more})

    def post(self, request: Request) -> Response:
        limits.count_call(request)
        body: Any = request.data
        has_file = isinstance(body, QueryDict)
        data = self.validated(NewVisitorFile, body.dict()) if has_file else self.validated(NewVisitorMessage, body)
        visitor = self.visitor(data["widgetId"])
        limits.count_message(request, visitor.pk, has_file=has_file)
        if has_file:
            message = self._send_with_file(visitor, data)
        else:
            message = actions.send_visitor_message(
                visitor, body=data["body"], client_id=data["clientId"], browser=_browser_name(request)
            )
        renewed = {"token": issue_token(visitor)} if self.is_renewal_due else {}
        return Response({"messageId": str(message.pk), **renewed}, status=201)

    def _send_with_file(self, visitor: Visitor, data: dict[str, Any]) -> Message:
        try:
            with attachments.stored_upload(visitor.workspace_id, data["file"]) as attachment:
                return actions.send_visitor_message(
                    visitor,
                    body=data.get("body", ""),
                    client_id=data["clientId"],
                    attachment=attachment,
                    browser=_browser_name(self.request),
                )
        except attachments.InvalidUpload as error:
            raise ValidationError({"file": [ErrorDetail(str(error), error.code)]}) from error


class VisitorAttachment(WidgetView):
    """Return a file of the visitor's own thread. The browser caches it per token."""

    def get(self, request: Request, id: str) -> FileResponse:
        limits.count_call(request)
        query = self.validated(WidgetArguments, request.query_params.dict())
        visitor, pk = self.visitor(query["widgetId"]), parse_id(id)
        rows = Attachment.objects.filter(workspace_id=visitor.workspace_id, conversation__visitor_id=visitor.pk)
        attachment = rows.filter(pk=pk).first() if pk else None
        if attachment is None:
            raise NotFound("There is no such file.")
        response = attachments.file_response(attachment)
        response["Cache-Control"] = "private, max-age=86400"
        patch_vary_headers(response, ["Authorization"])
        return response


def _visitor_details(brand: Brand, data: dict[str, Any]) -> actions.VisitorDetails:
    if data.get("identity"):
        verified = _verified_details(brand, data["identity"])
        return actions.VisitorDetails(
            name=verified.name or data.get("name") or str(verified.external_id),
            email=verified.email or data.get("email", ""),
            phone=verified.phone or data.get("phone", ""),
            external_id=verified.external_id,
            locale=data.get("locale", ""),
        )
    return actions.VisitorDetails(
        name=data["name"], email=data["email"], phone=data.get("phone", ""), locale=data.get("locale", "")
    )


def _verified_details(brand: Brand, identity: dict[str, Any]) -> actions.VisitorDetails:
    if not is_valid_signature(brand, identity["id"], identity["hash"]):
        raise PermissionDenied("The identity hash is invalid: it does not match this id and brand.", "identity_wrong")
    details = {name: identity.get(name, "") for name in ("name", "email", "phone")}
    return actions.VisitorDetails(external_id=identity["id"], **details)


def _browser_name(request: Request) -> str:
    return browser_of(request.headers.get("User-Agent", ""))
