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
from integrations.dashboard import IntegrationsPage
from integrations.dashboard.forms import ReplayForm, WebhookForm
from integrations.models import Replay, WebhookSubscription
from integrations.webhooks.pings import ping
from praxtalk.core.api.errors import TooManyRequests
from praxtalk.core.api.limits import TESTS_A_MINUTE, count
from praxtalk.core.api.outgoing_slots import outgoing_slot
from praxtalk.core.dashboard.form_tokens import is_resubmission

Status = WebhookSubscription.Status
GONE = "Somebody has deleted this webhook meanwhile."


class WebhookPage(IntegrationsPage):
    tab = "webhooks"

    def webhook(self, id: UUID) -> WebhookSubscription:
        return self.one(WebhookSubscription.objects.select_related("brand"), id)

    def form(self, *data: Any, **kwargs: Any) -> WebhookForm:
        return WebhookForm(*data, brands=self.brands(), sees_all_brands=self.sees_all_brands, **kwargs)

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return super().dispatch(request, *args, **kwargs)
        except subscriptions.WebhookDeleted:
            messages.error(request, GONE)
            return redirect("webhooks")


class Webhooks(WebhookPage):
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
                made, secret = subscriptions.create_webhook(current_scope(request).workspace_id, **form.cleaned_data)
            except subscriptions.TooManyWebhooks as error:
                form.add_error(None, str(error))
            else:
                return _shown_once(self.render_to_response(self.get_context_data(made=made, secret=secret)))
        return self.render_to_response(self.get_context_data(form=form), status=422)


class Webhook(WebhookPage):
    """GET shows a webhook with all available actions. POST changes its fields."""

    template_name = "integrations/webhook.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        webhook = self.webhook(kwargs["id"])
        now = timezone.now()
        values = {name: getattr(webhook, name) for name in ("url", "events", "description", "brand")}
        form = self.form(initial=values)
        del form.fields["brand"]  # the brand cannot be changed after the creation
        replays = webhook.replays.order_by("-created_at")[:5]
        more = {"is_second_signing": len(webhook.secrets_at(now)) == 2, "replays": replays, "replay_form": ReplayForm()}
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


class WebhookAction(WebhookPage):
    """POST runs an action on a webhook: pause, resume, rotate, promote, retire or test."""

    http_method_names = ["post"]  # noqa: RUF012 - an attribute that Django defines

    def post(self, request: HttpRequest, id: UUID, action: str) -> HttpResponse:
        webhook = self.webhook(id)
        if action == "rotate":
            return self._rotated(webhook)
        if action == "test":
            return self._tested(webhook)
        if action not in ACTIONS:
            raise Http404
        try:
            done = ACTIONS[action]
            messages.success(request, done(webhook, request))
        except subscriptions.NothingToPromote:
            messages.error(request, "There is no new secret to promote.")
        return redirect("webhook", id)

    def _rotated(self, webhook: WebhookSubscription) -> HttpResponse:
        if is_resubmission(self.request):
            return redirect("webhook", webhook.pk)
        try:
            secret = subscriptions.rotate_secret(webhook)
        except subscriptions.OldSecretStillSigns:
            messages.error(self.request, "The secret before this one still signs: retire it first.")
            return redirect("webhook", webhook.pk)
        return _shown_once(_webhook_page(self.request, webhook.pk, secret=secret, is_new=True))

    def _tested(self, webhook: WebhookSubscription) -> HttpResponse:
        try:
            with outgoing_slot(webhook.workspace_id):
                count("test", str(webhook.workspace_id), TESTS_A_MINUTE, "Too many tests in this workspace")
                answer = ping(webhook)
        except TooManyRequests as refusal:
            messages.error(self.request, str(refusal.detail))
            return redirect("webhook", webhook.pk)
        return _webhook_page(self.request, webhook.pk, answer=answer)


class DeleteWebhook(WebhookPage):
    """GET asks for confirmation. POST deletes the webhook."""

    template_name = "integrations/delete_webhook.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**{**kwargs, "webhook": self.webhook(kwargs["id"])})

    def post(self, request: HttpRequest, id: UUID) -> HttpResponse:
        subscriptions.delete_webhook(self.webhook(id))
        messages.success(request, "The webhook is deleted.")
        return redirect("webhooks")


class RevealSecret(WebhookPage):
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
        return _shown_once(_webhook_page(request, id, secrets=subscriptions.show_secrets(webhook)))


class StartReplay(WebhookPage):
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
    page = Webhook()
    page.setup(request, id=id)
    answer = page.render_to_response(page.get_context_data(id=id, **context))
    answer["Cache-Control"] = "no-store"
    return answer


def _shown_once(answer: HttpResponse) -> HttpResponse:
    answer["Cache-Control"] = "no-store"
    return answer


def _pause(webhook: WebhookSubscription, request: HttpRequest) -> str:
    keeps = request.POST.get("events") != "drop"
    subscriptions.change_webhook(webhook, status=Status.PAUSED, holds_events=keeps)
    return "Paused. What happens meanwhile is kept." if keeps else "Paused. What happens meanwhile is not sent."


def _resume(webhook: WebhookSubscription, request: HttpRequest) -> str:
    subscriptions.change_webhook(webhook, status=Status.ACTIVE)
    return "Active. What was held is being sent."


def _promote(webhook: WebhookSubscription, request: HttpRequest) -> str:
    subscriptions.promote_secret(webhook)
    return "The new secret signs first. The old one signs second for 24 hours."


def _retire(webhook: WebhookSubscription, request: HttpRequest) -> str:
    subscriptions.retire_secret(webhook)
    return "The second secret signs no more."


ACTIONS = {"pause": _pause, "resume": _resume, "promote": _promote, "retire": _retire}
