"""The whole URL map."""

from django.urls import path, re_path
from django.views.generic import RedirectView

from brands.api import Brands, Ping
from conversations.api import ConversationById, Conversations, Messages, MessagesOfConversation
from integrations.api import Events
from leads.api import LeadById, Leads
from praxtalk.api import errors
from praxtalk.api.view import NoSuchEndpoint
from praxtalk.dashboard.site import dashboard
from praxtalk.health import healthz, readyz
from praxtalk.openapi import ApiDocs, OpenApiDocument

urlpatterns = [
    path("", RedirectView.as_view(url="/app/")),
    path("app/", dashboard.urls),
    path("api/v1/ping", Ping.as_view()),
    path("api/v1/brands", Brands.as_view()),
    path("api/v1/conversations", Conversations.as_view()),
    path("api/v1/conversations/<str:id>", ConversationById.as_view()),
    path("api/v1/conversations/<str:id>/messages", MessagesOfConversation.as_view()),
    path("api/v1/messages", Messages.as_view()),
    path("api/v1/leads", Leads.as_view()),
    path("api/v1/leads/<str:id>", LeadById.as_view()),
    path("api/v1/events", Events.as_view()),
    path("api/v1/openapi.json", OpenApiDocument.as_view(), name="openapi"),
    path("api/docs", ApiDocs.as_view(url_name="openapi"), name="api-docs"),
    re_path(r"^api(/|$)", NoSuchEndpoint.as_view()),
    path("healthz", healthz),
    path("readyz", readyz),
]

handler400 = errors.bad_request
handler403 = errors.permission_denied
handler404 = errors.not_found
handler500 = errors.server_error
