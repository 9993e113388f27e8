"""All URLs of the project."""

from django.urls import path, re_path
from django.utils.module_loading import autodiscover_modules
from django.views.generic import RedirectView

from accounts.api import OperatorSessionById, OperatorSessions, Ping
from accounts.dashboard.email import EmailSettingsView
from accounts.dashboard.passwords import (
    AcceptInvitationView,
    ChangePasswordView,
    PasswordResetConfirmView,
    PasswordResetView,
)
from accounts.dashboard.profile import (
    DisableTwoFactorView,
    EnableTwoFactorView,
    ProfileView,
    RegenerateRecoveryCodesView,
)
from accounts.dashboard.sign_in import SignInView, TwoFactorView
from accounts.dashboard.workspace import WorkspaceSettingsView
from brands.api import Brands
from brands.dashboard import SetupView
from conversations.api import AttachmentById, ConversationById, Conversations, Messages, MessagesOfConversation
from conversations.dashboard.inbox import (
    DownloadAttachmentView,
    InboxTokenView,
    InboxView,
    UnreadCountView,
    UploadAttachmentView,
)
from data_requests.dashboard.visitors import EraseVisitorView, ExportVisitorView
from data_requests.dashboard.workspace import DeleteDemoView, ExportProgressView, ExportWorkspaceView
from integrations.api.deliveries import Deliveries, DeliveryById, ReplayById, ReplayDeliveries, RetryDelivery
from integrations.api.events import Events
from integrations.api.webhooks import PromoteSecret, RetireSecret, RotateSecret, TestWebhook, WebhookById, Webhooks
from integrations.dashboard import webhooks as webhook_pages
from integrations.dashboard.events import DeliveryView, EventLogView, ReplayView, RetryDeliveryView
from integrations.dashboard.keys import KeysView, RevokeKeyView
from integrations.dashboard.sdk import AgentSdkView, RevokeTokenView
from leads.api import LeadById, Leads
from praxtalk.core.api import errors
from praxtalk.core.api.view import NoSuchEndpoint
from praxtalk.core.dashboard.site import dashboard
from praxtalk.core.dashboard.styleguide import StyleguideView
from praxtalk.core.live import http as live
from praxtalk.demo import redirect_to_demo_shop
from praxtalk.health import healthz, readyz
from praxtalk.metrics import metrics
from praxtalk.navigation import NAVIGATION
from praxtalk.openapi import ApiDocs, OpenApiDocument
from reports.dashboard import HomeView, OverviewView
from widget.api import Config, IdentifyVisitor, ReturnToThread, StartThread, VisitorAttachment, VisitorMessages
from widget.dashboard.pages import BrandTextsView, CheckSiteView, IdentitySecretView
from widget.views import chat, script

autodiscover_modules("dashboard")  # the apps register their admin pages in these modules
dashboard.navigation = NAVIGATION

urlpatterns = [
    # Frequently called URLs come first, because Django tries the patterns in order.
    path("api/v1/ping", Ping.as_view()),
    path("api/v1/brands", Brands.as_view()),
    path("api/v1/conversations", Conversations.as_view()),
    path("api/v1/conversations/<str:id>", ConversationById.as_view()),
    path("api/v1/conversations/<str:id>/messages", MessagesOfConversation.as_view()),
    path("api/v1/messages", Messages.as_view()),
    path("api/v1/attachments/<str:id>", AttachmentById.as_view()),
    path("api/v1/leads", Leads.as_view()),
    path("api/v1/leads/<str:id>", LeadById.as_view()),
    path("api/v1/events", Events.as_view()),
    path("api/v1/webhooks", Webhooks.as_view()),
    path("api/v1/webhooks/<str:id>", WebhookById.as_view()),
    path("api/v1/webhooks/<str:id>/rotate", RotateSecret.as_view()),
    path("api/v1/webhooks/<str:id>/promote", PromoteSecret.as_view()),
    path("api/v1/webhooks/<str:id>/retire", RetireSecret.as_view()),
    path("api/v1/webhooks/<str:id>/test", TestWebhook.as_view()),
    path("api/v1/deliveries", Deliveries.as_view()),
    path("api/v1/deliveries/replay", ReplayDeliveries.as_view()),
    path("api/v1/deliveries/<str:id>", DeliveryById.as_view()),
    path("api/v1/deliveries/<str:id>/retry", RetryDelivery.as_view()),
    path("api/v1/replays/<str:id>", ReplayById.as_view()),
    path("api/v1/operator-sessions", OperatorSessions.as_view()),
    path("api/v1/operator-sessions/<str:id>", OperatorSessionById.as_view()),
    path("api/v1/openapi.json", OpenApiDocument.as_view(), name="openapi"),
    path("api/docs", ApiDocs.as_view(url_name="openapi"), name="api-docs"),
    path("api/query", live.call, {"kind": "query"}),
    path("api/query_at_ts", live.call, {"kind": "query"}),
    path("api/query_ts", live.timestamp),
    path("api/mutation", live.call, {"kind": "mutation"}),
    path("api/action", live.call, {"kind": "action"}),
    re_path(r"^api(/|$)", NoSuchEndpoint.as_view()),
    path("widget/v1/config", Config.as_view()),
    path("widget/v1/start", StartThread.as_view()),
    path("widget/v1/identify", IdentifyVisitor.as_view()),
    path("widget/v1/return", ReturnToThread.as_view()),
    path("widget/v1/messages", VisitorMessages.as_view()),
    path("widget/v1/attachments/<str:id>", VisitorAttachment.as_view()),
    path("", RedirectView.as_view(pattern_name="home")),
    path("app/", OverviewView.as_view(), name="overview"),
    path("app/home/", HomeView.as_view(), name="home"),
    path("app/setup/<str:code>/", SetupView.as_view(), name="setup"),
    path("app/login/", SignInView.as_view(), name="sign_in"),
    path("app/login/code/", TwoFactorView.as_view(), name="two_factor_login"),
    path("app/forgotten/", PasswordResetView.as_view(), name="password_reset"),
    path("app/password/<uidb64>/<token>/", PasswordResetConfirmView.as_view(), name="password_reset_confirm"),
    path("app/join/<uidb64>/<token>/", AcceptInvitationView.as_view(), name="accept_invitation"),
    path("app/password_change/", ChangePasswordView.as_view(), name="change_password"),
    path("app/inbox/", InboxView.as_view(), name="inbox"),
    path("app/inbox/<uuid:id>/", InboxView.as_view(), name="inbox_conversation"),
    path("app/inbox/token/", InboxTokenView.as_view(), name="inbox_token"),
    path("app/inbox/unread/", UnreadCountView.as_view(), name="inbox_unread"),
    path("app/inbox/files/", UploadAttachmentView.as_view(), name="inbox_send_file"),
    path("app/inbox/files/<uuid:id>/", DownloadAttachmentView.as_view(), name="inbox_file"),
    path("app/profile/", ProfileView.as_view(), name="profile"),
    path("app/profile/two-factor/on/", EnableTwoFactorView.as_view(), name="enable_two_factor"),
    path("app/profile/two-factor/off/", DisableTwoFactorView.as_view(), name="disable_two_factor"),
    path("app/profile/two-factor/recovery-codes/", RegenerateRecoveryCodesView.as_view(), name="recovery_codes"),
    path("app/integrations/", RedirectView.as_view(pattern_name="keys"), name="integrations"),
    path("app/integrations/keys/", KeysView.as_view(), name="keys"),
    path("app/integrations/keys/<uuid:id>/revoke/", RevokeKeyView.as_view(), name="revoke_key"),
    path("app/integrations/webhooks/", webhook_pages.WebhooksView.as_view(), name="webhooks"),
    path("app/integrations/webhooks/<uuid:id>/", webhook_pages.WebhookDetailView.as_view(), name="webhook"),
    path(
        "app/integrations/webhooks/<uuid:id>/delete/", webhook_pages.DeleteWebhookView.as_view(), name="delete_webhook"
    ),
    path("app/integrations/webhooks/<uuid:id>/secret/", webhook_pages.RevealSecretView.as_view(), name="reveal_secret"),
    path("app/integrations/webhooks/<uuid:id>/replay/", webhook_pages.StartReplayView.as_view(), name="start_replay"),
    path(
        "app/integrations/webhooks/<uuid:id>/<slug:action>/",
        webhook_pages.WebhookActionView.as_view(),
        name="webhook_action",
    ),
    path("app/integrations/events/", EventLogView.as_view(), name="event_log"),
    path("app/integrations/events/<uuid:id>/", DeliveryView.as_view(), name="delivery"),
    path("app/integrations/events/<uuid:id>/retry/", RetryDeliveryView.as_view(), name="retry_now"),
    path("app/integrations/replays/<uuid:id>/", ReplayView.as_view(), name="replay"),
    path("app/integrations/sdk/", AgentSdkView.as_view(), name="agent_sdk"),
    path("app/integrations/sdk/<uuid:id>/revoke/", RevokeTokenView.as_view(), name="revoke_token"),
    path("app/settings/", WorkspaceSettingsView.as_view(), name="workspace"),
    path("app/settings/email/", EmailSettingsView.as_view(), name="email_settings"),
    path("app/settings/delete-demo/", DeleteDemoView.as_view(), name="delete_demo"),
    path("app/settings/export/", ExportWorkspaceView.as_view(), name="export_workspace"),
    path("app/settings/export/<uuid:id>/progress/", ExportProgressView.as_view(), name="export_progress"),
    path("app/visitors/<uuid:id>/export/", ExportVisitorView.as_view(), name="export_visitor"),
    path("app/visitors/<uuid:id>/erase/", EraseVisitorView.as_view(), name="erase_visitor"),
    path("app/brands/<uuid:id>/texts/", BrandTextsView.as_view(), name="brand_texts"),
    path("app/brands/<uuid:id>/identity-secret/", IdentitySecretView.as_view(), name="identity_secret"),
    path("app/brands/<uuid:id>/check/", CheckSiteView.as_view(), name="check_site"),
    path("app/styleguide/", StyleguideView.as_view(), name="styleguide"),
    path("app/", dashboard.urls),
    path("demo", redirect_to_demo_shop),
    path("widget.js", script, {"suffix": ".js"}),
    path("widget.js.map", script, {"suffix": ".js.map"}),
    path("talk/<str:widget_id>", chat),
    path("healthz", healthz),
    path("readyz", readyz),
    path("metrics", metrics),
]

handler400 = errors.bad_request
handler403 = errors.permission_denied
handler404 = errors.not_found
handler500 = errors.server_error
