from datetime import timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone

from accounts.actions.operator_tokens import issue_token, revoke_token
from accounts.middleware import current_operator
from accounts.models import Operator, OperatorSession
from accounts.roles import Role
from integrations.dashboard import IntegrationsView
from praxtalk.core.dashboard.form_tokens import is_resubmission

MAX_SHOWN = 100


SNIPPET = """import {{ ConvexClient }} from "convex/browser";

const client = new ConvexClient("{base_url}");
client.onUpdate(
  "conversations:listInbox",
  {{ sessionToken: "<operator token>", status: "open" }},
  (rows) => renderInbox(rows),
  (error) => showError(error.data?.message ?? error.message), // UNAUTHENTICATED: get another token
);"""


class TokenForm(forms.Form):
    operator = forms.ModelChoiceField(Operator.objects.none(), empty_label=None)
    hours = forms.TypedChoiceField(
        choices=[(1, "One hour"), (4, "4 hours"), (12, "12 hours")], coerce=int, initial=1, label="Valid for"
    )

    def __init__(self, *args: Any, operators: QuerySet[Operator], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["operator"].queryset = operators  # type: ignore[attr-defined]


class AgentSdkView(IntegrationsView):
    """GET shows how to connect to the live queries, and lists the valid tokens. POST issues a token and shows it once."""

    tab = "sdk"
    template_name = "integrations/sdk.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        rows = _visible_sessions(self.request).filter(revoked_at__isnull=True, expires_at__gt=timezone.now())
        sessions = rows.select_related("operator").order_by("-created_at")[:MAX_SHOWN]
        snippet = SNIPPET.format(base_url=settings.BASE_URL)
        return super().get_context_data(**{"sessions": sessions, "snippet": snippet, "form": self._form(), **kwargs})

    def post(self, request: HttpRequest) -> HttpResponse:
        form = self._form(request.POST)
        if not form.is_valid():
            return self.render_to_response(self.get_context_data(form=form), status=422)
        if is_resubmission(request):
            return redirect("agent_sdk")
        token, session = issue_token(
            form.cleaned_data["operator"], lifetime=timedelta(hours=form.cleaned_data["hours"])
        )
        response = self.render_to_response(self.get_context_data(token=token, session=session))
        response["Cache-Control"] = "no-store"
        return response

    def _form(self, *data: Any) -> TokenForm:
        current = current_operator(self.request)
        return TokenForm(*data, operators=_allowed_operators(self.request), initial={"operator": current.pk})


class RevokeTokenView(IntegrationsView):
    """POST revokes a token immediately."""

    tab = "sdk"
    http_method_names = ["post"]  # noqa: RUF012 - an attribute that Django defines

    def post(self, request: HttpRequest, id: UUID) -> HttpResponse:
        revoke_token(get_object_or_404(_visible_sessions(request), pk=id))
        messages.success(request, "The token has been revoked.")
        return redirect("agent_sdk")


def _allowed_operators(request: HttpRequest) -> QuerySet[Operator]:
    """Return the operators for whom the current operator may issue tokens.

    Operators who have more permissions or see more brands than the current one are excluded.
    """
    current = current_operator(request)
    if not current.sees_all_brands:
        return Operator.objects.filter(pk=current.pk)
    rows = Operator.objects.filter(workspace_id=current.workspace_id, is_active=True).order_by("name")
    return rows if current.role == Role.OWNER else rows.exclude(role=Role.OWNER)


def _visible_sessions(request: HttpRequest) -> QuerySet[OperatorSession]:
    return OperatorSession.objects.filter(
        workspace_id=current_operator(request).workspace_id, operator__in=_allowed_operators(request), source="api"
    )
