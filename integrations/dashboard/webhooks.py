from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone

from accounts.dashboard.profile import PasswordForm
from accounts.middleware import current_scope
from integrations.actions import subscriptions
from integrations.actions.replays import start_replay
from integrations.dashboard import IntegrationsView
from integrations.dashboard.forms import ReplayForm, WebhookForm
from integrations.models import Replay, WebhookSubscription
from integrations.webhooks.pings import ping
from praxtalk.core.api.errors import TooManyRequests
from praxtalk.core.api.limits import TESTS_PER_MINUTE, count
from praxtalk.core.api.outgoing_slots import outgoing_slot
from praxtalk.core.dashboard.form_tokens import is_resubmission

Status = WebhookSubscription.Status
DELETED_MESSAGE = "This webhook has been deleted."


class BaseWebhookView(IntegrationsView):
    tab = "webhooks"

    def webhook(self, id: UUID) -> WebhookSubscription:
        return self.get_or_404(WebhookSubscription.objects.select_related("brand"), id)

    def form(self, *data: Any, **kwargs: Any) -> WebhookForm:
        return WebhookForm(*data, brands=self.brands(), sees_all_brands=self.sees_all_brands, **kwargs)

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return super().dispatch(request, *args, **kwargs)
        except subscriptions.WebhookDeleted:
            messages.error(request, DELETED_MESSAGE)
            return redirect("webhooks")


class WebhooksView(BaseWebhookView):
    """GET lists the webhooks. POST creates one and shows its secret."""

    template_name = "integrations/webhooks.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        rows = current_scope(self.request).rows(WebhookSubscription.objects.select_related("brand"))
        return super().get_context_data(**{"webhooks": rows.order_by("id"), "form": self.form(), **kwargs})

    def post(self, request: HttpRequest) -> HttpResponse:
        form = self.form(request.POST)
        if form.is_valid():
            if is_resubmission(request):
                return redirect("webhooks")
            try:
                webhook, secret = subscriptions.create_webhook(current_scope(request).workspace_id, **form.cleaned_data)
            except subscriptions.TooManyWebhooks as error:
                form.add_error(None, str(error))
            else:
                return _without_caching(self.render_to_response(self.get_context_data(webhook=webhook, secret=secret)))
        return self.render_to_response(self.get_context_data(form=form), status=422)


class WebhookDetailView(BaseWebhookView):
    """GET shows a webhook with all available actions. POST changes its fields."""

    template_name = "integrations/webhook.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        webhook = self.webhook(kwargs["id"])
        now = timezone.now()
        values = {name: getattr(webhook, name) for name in ("url", "events", "description", "brand")}
        form = self.form(initial=values)
        del form.fields["brand"]  # the brand cannot be changed after the creation
        replays = webhook.replays.order_by("-created_at")[:5]
        more = {"has_second_secret": len(webhook.secrets_at(now)) == 2, "replays": replays, "replay_form": ReplayForm()}
        return super().get_context_data(**{"webhook": webhook, "form": form, **more, **kwargs})

    def post(self, request: HttpRequest, id: UUID) -> HttpResponse:
        webhook = self.webhook(id)
        form = self.form(request.POST)
        del form.fields["brand"]
        if not form.is_valid():
            return self.render_to_response(self.get_context_data(id=id, form=form), status=422)
        subscriptions.change_webhook(webhook, **form.cleaned_data)
        messages.success(request, "Saved.")
        return redirect("webhook", id)


class WebhookActionView(BaseWebhookView):
    """POST runs an action on a webhook: pause, resume, rotate, promote, retire or test."""

    http_method_names = ["post"]  # noqa: RUF012 - an attribute that Django defines

    def post(self, request: HttpRequest, id: UUID, action: str) -> HttpResponse:
        webhook = self.webhook(id)
        if action == "rotate":
            return self._rotate(webhook)
        if action == "test":
            return self._test(webhook)
        if action not in ACTIONS:
            raise Http404
        try:
            messages.success(request, ACTIONS[action](webhook, request))
        except subscriptions.NothingToPromote:
            messages.error(request, "There is no new secret to promote.")
        return redirect("webhook", id)

    def _rotate(self, webhook: WebhookSubscription) -> HttpResponse:
        if is_resubmission(self.request):
            return redirect("webhook", webhook.pk)
        try:
            secret = subscriptions.rotate_secret(webhook)
        except subscriptions.OldSecretStillSigns:
            messages.error(self.request, "The previous secret still signs requests. Retire it first.")
            return redirect("webhook", webhook.pk)
        return _webhook_page(self.request, webhook.pk, secret=secret)

    def _test(self, webhook: WebhookSubscription) -> HttpResponse:
        try:
            with outgoing_slot(webhook.workspace_id):
                count("test", str(webhook.workspace_id), TESTS_PER_MINUTE, "Too many tests in this workspace")
                result = ping(webhook)
        except TooManyRequests as error:
            messages.error(self.request, str(error.detail))
            return redirect("webhook", webhook.pk)
        return _webhook_page(self.request, webhook.pk, result=result)


class DeleteWebhookView(BaseWebhookView):
    """GET asks for confirmation. POST deletes the webhook."""

    template_name = "integrations/delete_webhook.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**{**kwargs, "webhook": self.webhook(kwargs["id"])})

    def post(self, request: HttpRequest, id: UUID) -> HttpResponse:
        subscriptions.delete_webhook(self.webhook(id))
        messages.success(request, "The webhook has been deleted.")
        return redirect("webhooks")


class RevealSecretView(BaseWebhookView):
    """GET asks for the operator's password. POST shows the secrets that sign."""

    template_name = "integrations/reveal_secret.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        form = PasswordForm(request=self.request)
        return super().get_context_data(**{"form": form, **kwargs, "webhook": self.webhook(kwargs["id"])})

    def post(self, request: HttpRequest, id: UUID) -> HttpResponse:
        webhook = self.webhook(id)
        form = PasswordForm(request.POST, request=request)
        if not form.is_valid():
            return self.render_to_response(self.get_context_data(id=id, form=form), status=422)
        return _webhook_page(request, id, secrets=subscriptions.show_secrets(webhook))


class StartReplayView(BaseWebhookView):
    """POST starts a replay of a webhook's deliveries."""

    http_method_names = ["post"]  # noqa: RUF012 - an attribute that Django defines

    def post(self, request: HttpRequest, id: UUID) -> HttpResponse:
        webhook = self.webhook(id)
        form = ReplayForm(request.POST)
        if not form.is_valid():
            return _webhook_page(request, id, replay_form=form)
        replay: Replay = start_replay(webhook, **form.cleaned_data)
        return redirect("replay", replay.pk)


def _webhook_page(request: HttpRequest, id: UUID, **context: Any) -> HttpResponse:
    """Return the page of one webhook with the result of an action."""
    page = WebhookDetailView()
    page.setup(request, id=id)
    return _without_caching(page.render_to_response(page.get_context_data(id=id, **context)))


def _without_caching(response: HttpResponse) -> HttpResponse:
    response["Cache-Control"] = "no-store"
    return response


def _pause(webhook: WebhookSubscription, request: HttpRequest) -> str:
    holds_events = request.POST.get("events") != "drop"
    subscriptions.change_webhook(webhook, status=Status.PAUSED, holds_events=holds_events)
    return "Webhook paused. New events are queued." if holds_events else "Webhook paused. New events are discarded."


def _resume(webhook: WebhookSubscription, request: HttpRequest) -> str:
    subscriptions.change_webhook(webhook, status=Status.ACTIVE)
    return "Webhook resumed. Queued events are being sent."


def _promote(webhook: WebhookSubscription, request: HttpRequest) -> str:
    subscriptions.promote_secret(webhook)
    return "The new secret is now the primary one. The old secret also signs requests for 24 hours."


def _retire(webhook: WebhookSubscription, request: HttpRequest) -> str:
    subscriptions.retire_secret(webhook)
    return "The secondary secret no longer signs requests."


ACTIONS = {"pause": _pause, "resume": _resume, "promote": _promote, "retire": _retire}
