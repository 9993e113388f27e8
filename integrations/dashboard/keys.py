from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from accounts.middleware import current_operator, current_scope
from integrations.actions.api_keys import create_key, revoke_key
from integrations.dashboard import IntegrationsView
from integrations.dashboard.forms import KeyForm
from integrations.models import ApiKey
from praxtalk.core.dashboard.form_tokens import is_resubmission

MAX_SHOWN = 200


class KeysView(IntegrationsView):
    """GET lists the API keys. POST creates one and shows its secret once."""

    tab = "keys"
    template_name = "integrations/keys.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        rows = current_scope(self.request).rows(ApiKey.objects.select_related("brand"))
        keys = rows.order_by(F("revoked_at").desc(nulls_first=True), "-created_at")[:MAX_SHOWN]
        return super().get_context_data(**{"keys": keys, "form": self._form(), **kwargs})

    def post(self, request: HttpRequest) -> HttpResponse:
        form = self._form(request.POST)
        if not form.is_valid():
            return self.render_to_response(self.get_context_data(form=form), status=422)
        if is_resubmission(request):
            return redirect("keys")
        operator = current_operator(request)
        key, secret = create_key(operator.workspace, created_by=operator, **form.values())
        response = self.render_to_response(self.get_context_data(key=key, secret=secret))
        response["Cache-Control"] = "no-store"
        return response

    def _form(self, *data: Any) -> KeyForm:
        return KeyForm(*data, brands=self.brands(), sees_all_brands=self.sees_all_brands)


class RevokeKeyView(IntegrationsView):
    """GET asks for confirmation. POST revokes the key."""

    tab = "keys"
    template_name = "integrations/revoke_key.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        key = self.get_or_404(ApiKey.objects.select_related("brand"), kwargs["id"])
        return super().get_context_data(**{**kwargs, "key": key})

    def post(self, request: HttpRequest, id: UUID) -> HttpResponse:
        key = self.get_or_404(ApiKey.objects.all(), id)
        if revoke_key(key):
            messages.success(request, f"The key “{key.name}” has been revoked.")
        return redirect("keys")
