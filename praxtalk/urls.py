"""All URLs of the project."""

from django.urls import path, re_path
from django.utils.module_loading import autodiscover_modules
from django.views.generic import RedirectView

from accounts.api import OperatorSessionById, OperatorSessions, Ping
from accounts.dashboard.passwords import (
    AcceptInvitationView,
    ChangePassword,
    PasswordResetConfirmView,
    PasswordResetView,
)
from accounts.dashboard.profile import DisableTwoFactorView, EnableTwoFactorView, Profile, RenewRecoveryCodes
from accounts.dashboard.sign_in import SecondStep, SignIn
from accounts.dashboard.workspace import WorkspaceSettings
from brands.api import Brands
from conversations.api import AttachmentById, ConversationById, Conversations, Messages, MessagesOfConversation
from conversations.dashboard.views import Inbox, InboxToken, SendFile, ShowFile, Unread
from data_requests.dashboard.visitors import EraseVisitor, ExportVisitor
from data_requests.dashboard.workspace import ExportProgress, ExportWorkspace
from integrations.api.deliveries import Deliveries, DeliveryById, ReplayById, ReplayDeliveries, RetryDelivery
from integrations.api.events import Events
from integrations.api.webhooks import PromoteSecret, RetireSecret, RotateSecret, TestWebhook, WebhookById, Webhooks
from integrations.dashboard import webhooks as webhook_pages
from integrations.dashboard.events import DeliveryPage, EventLog, ReplayPage, RetryNow
from integrations.dashboard.keys import Keys, RevokeKey
from integrations.dashboard.sdk import AgentSdk, RevokeToken
from leads.api import LeadById, Leads
from praxtalk.core.api import errors
from praxtalk.core.api.view import NoSuchEndpoint
from praxtalk.core.dashboard.site import dashboard
from praxtalk.core.live import http as live
from praxtalk.demo import to_demo_shop
from praxtalk.health import healthz, readyz
from praxtalk.metrics import metrics
from praxtalk.openapi import ApiDocs, OpenApiDocument
from reports.dashboard import Overview
from widget.api import Config, IdentifyVisitor, ReturnToThread, StartThread, VisitorAttachment, VisitorMessages
from widget.dashboard.pages import CheckSite, IdentitySecret, Texts
from widget.views import script, talk

autodiscover_modules("dashboard")  # the apps register their admin pages in these modules

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
    path("api/query_ts", live.now),
    path("api/mutation", live.call, {"kind": "mutation"}),
    path("api/action", live.call, {"kind": "action"}),
    re_path(r"^api(/|$)", NoSuchEndpoint.as_view()),
    path("widget/v1/config", Config.as_view()),
    path("widget/v1/start", StartThread.as_view()),
    path("widget/v1/identify", IdentifyVisitor.as_view()),
    path("widget/v1/return", ReturnToThread.as_view()),
    path("widget/v1/messages", VisitorMessages.as_view()),
    path("widget/v1/attachments/<str:id>", VisitorAttachment.as_view()),
    path("", RedirectView.as_view(url="/app/")),
    path("app/", Overview.as_view(), name="overview"),
    path("app/login/", SignIn.as_view(), name="sign_in"),
    path("app/login/code/", SecondStep.as_view(), name="second_step"),
    path("app/forgotten/", PasswordResetView.as_view(), name="forgotten"),
    path("app/password/<uidb64>/<token>/", PasswordResetConfirmView.as_view(), name="choose_password"),
    path("app/join/<uidb64>/<token>/", AcceptInvitationView.as_view(), name="join"),
    path("app/password_change/", ChangePassword.as_view(), name="change_password"),
    path("app/inbox/", Inbox.as_view(), name="inbox"),
    path("app/inbox/<uuid:id>/", Inbox.as_view(), name="inbox_conversation"),
    path("app/inbox/token/", InboxToken.as_view(), name="inbox_token"),
    path("app/inbox/unread/", Unread.as_view(), name="inbox_unread"),
    path("app/inbox/files/", SendFile.as_view(), name="inbox_send_file"),
    path("app/inbox/files/<uuid:id>/", ShowFile.as_view(), name="inbox_file"),
    path("app/profile/", Profile.as_view(), name="profile"),
    path("app/profile/two-factor/on/", EnableTwoFactorView.as_view(), name="two_factor_on"),
    path("app/profile/two-factor/off/", DisableTwoFactorView.as_view(), name="two_factor_off"),
    path("app/profile/two-factor/recovery-codes/", RenewRecoveryCodes.as_view(), name="recovery_codes"),
    path("app/integrations/", RedirectView.as_view(pattern_name="keys"), name="integrations"),
    path("app/integrations/keys/", Keys.as_view(), name="keys"),
    path("app/integrations/keys/<uuid:id>/revoke/", RevokeKey.as_view(), name="revoke_key"),
    path("app/integrations/webhooks/", webhook_pages.Webhooks.as_view(), name="webhooks"),
    path("app/integrations/webhooks/<uuid:id>/", webhook_pages.Webhook.as_view(), name="webhook"),
    path("app/integrations/webhooks/<uuid:id>/delete/", webhook_pages.DeleteWebhook.as_view(), name="delete_webhook"),
    path("app/integrations/webhooks/<uuid:id>/secret/", webhook_pages.RevealSecret.as_view(), name="reveal_secret"),
    path("app/integrations/webhooks/<uuid:id>/replay/", webhook_pages.StartReplay.as_view(), name="start_replay"),
    path(
        "app/integrations/webhooks/<uuid:id>/<slug:action>/",
        webhook_pages.WebhookAction.as_view(),
        name="webhook_action",
    ),
    path("app/integrations/events/", EventLog.as_view(), name="event_log"),
    path("app/integrations/events/<uuid:id>/", DeliveryPage.as_view(), name="delivery"),
    path("app/integrations/events/<uuid:id>/retry/", RetryNow.as_view(), name="retry_now"),
    path("app/integrations/replays/<uuid:id>/", ReplayPage.as_view(), name="replay"),
    path("app/integrations/sdk/", AgentSdk.as_view(), name="agent_sdk"),
    path("app/integrations/sdk/<uuid:id>/revoke/", RevokeToken.as_view(), name="revoke_token"),
    path("app/settings/", WorkspaceSettings.as_view(), name="workspace"),
    path("app/settings/export/", ExportWorkspace.as_view(), name="workspace_export"),
    path("app/settings/export/<uuid:id>/progress/", ExportProgress.as_view(), name="export_progress"),
    path("app/visitors/<uuid:id>/export/", ExportVisitor.as_view(), name="visitor_export"),
    path("app/visitors/<uuid:id>/erase/", EraseVisitor.as_view(), name="erase_visitor"),
    path("app/brands/<uuid:id>/texts/", Texts.as_view(), name="brand_texts"),
    path("app/brands/<uuid:id>/identity-secret/", IdentitySecret.as_view(), name="identity_secret"),
    path("app/brands/<uuid:id>/check/", CheckSite.as_view(), name="check_site"),
    path("app/", dashboard.urls),
    path("demo", to_demo_shop),
    path("widget.js", script, {"suffix": ".js"}),
    path("widget.js.map", script, {"suffix": ".js.map"}),
    path("talk/<str:widget_id>", talk),
    path("healthz", healthz),
    path("readyz", readyz),
    path("metrics", metrics),
]

handler400 = errors.bad_request
handler403 = errors.permission_denied
handler404 = errors.not_found
handler500 = errors.server_error
