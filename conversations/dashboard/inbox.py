"""/app/inbox: the page, the token with which it connects, the unread count, and the upload and download of files.

Everything else in the inbox uses live queries and mutations.
"""

from datetime import timedelta
from typing import Any

from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.utils.cache import patch_vary_headers

from accounts.actions.operator_tokens import issue_token
from accounts.middleware import current_operator, current_scope
from accounts.models import OperatorSession
from accounts.roles import Ability
from conversations import actions, attachments
from conversations.inbox import unread_summary
from conversations.models import (
    MAX_BODY_LENGTH,
    MAX_CLIENT_ID_LENGTH,
    MAX_FILE_BYTES,
    Attachment,
    Channel,
    Conversation,
    Message,
)
from praxtalk.core.dashboard.views import DashboardView

TOKEN_LIFETIME = timedelta(minutes=30)
INVALID_UPLOAD = "Send a file, a clientMessageId (up to 64 characters) and a body of up to 10,000 characters."


class InboxView(DashboardView):
    """The page, with or without the id of a conversation in its path. Its script reads the id from the URL."""

    title = "Inbox"
    template_name = "conversations/inbox.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if "id" in kwargs:
            current_scope(request).get(Conversation.objects.only("pk"), kwargs["id"])
        return super().get(request, *args, **kwargs)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        may_erase = current_operator(self.request).may(Ability.ERASE)
        return super().get_context_data(max_bytes=MAX_FILE_BYTES, may_erase=may_erase, **kwargs)


class InboxTokenView(DashboardView):
    """Issue an operator token for the page on POST. The page requests one each time it connects."""

    http_method_names = ("post",)

    def post(self, request: HttpRequest) -> JsonResponse:
        token, _ = issue_token(
            current_operator(request), lifetime=TOKEN_LIFETIME, source=OperatorSession.Source.DASHBOARD
        )
        return JsonResponse({"token": token})


class UnreadCountView(DashboardView):
    """Return the signed-in operator's number of unread conversations, which the navigation shows."""

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> JsonResponse:
        operator_id = current_operator(request).pk
        return JsonResponse({"unread": unread_summary(current_scope(request), operator_id=operator_id).count})


class UploadAttachmentView(DashboardView):
    """Send a message with a file on POST. Form fields: file, conversationId, clientMessageId, and optionally body."""

    http_method_names = ("post",)

    def post(self, request: HttpRequest) -> JsonResponse:
        conversation_id = request.POST.get("conversationId", "")
        conversation = current_scope(request).get(Conversation.objects.all(), conversation_id)
        body, client_id = request.POST.get("body", "").strip(), request.POST.get("clientMessageId", "")
        file = request.FILES.get("file")
        is_valid = len(body) <= MAX_BODY_LENGTH and 0 < len(client_id) <= MAX_CLIENT_ID_LENGTH
        if file is None or not is_valid or "\0" in body + client_id:
            return JsonResponse({"error": INVALID_UPLOAD}, status=422)
        try:
            with attachments.stored_upload(conversation.workspace_id, file) as attachment:
                message = actions.send_message(
                    conversation,
                    role=Message.Role.OPERATOR,
                    body=body,
                    channel=Channel.DASHBOARD,
                    author=current_operator(request),
                    client_id=client_id,
                    attachment=attachment,
                )
        except attachments.InvalidUpload as error:
            return JsonResponse({"error": str(error)}, status=422)
        return JsonResponse({"messageId": str(message.pk)}, status=201)


class DownloadAttachmentView(DashboardView):
    """Return a file of a conversation in the operator's scope. The page shows images and downloads other files.

    The operator's own browser may cache the file for an hour. Any other response, such as a redirect to the sign-in page, is not
    cached.
    """

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> FileResponse:  # type: ignore[override]
        attachment = current_scope(request).get(
            Attachment.objects.all(), kwargs["id"], brand_field="conversation__brand_id"
        )
        return attachments.file_response(attachment)

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = super().dispatch(request, *args, **kwargs)
        if isinstance(response, FileResponse):
            response["Cache-Control"] = "private, max-age=3600"
            patch_vary_headers(response, ["Cookie"])
        return response
