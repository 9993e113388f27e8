"""The settings of a workspace."""

from typing import Any
from uuid import uuid4

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from accounts.actions.workspaces import rename_workspace
from accounts.middleware import current_operator
from praxtalk.core.dashboard.views import DashboardView


class WorkspaceForm(forms.Form):
    name = forms.CharField(max_length=100)


class WorkspaceSettingsView(DashboardView):
    """GET shows the settings; POST changes the workspace's name."""

    ability = "workspace"
    title = "Settings"
    template_name = "accounts/workspace.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        workspace = current_operator(self.request).workspace
        form = WorkspaceForm(initial={"name": workspace.name})
        return super().get_context_data(**{"form": form, "workspace": workspace, "export_id": uuid4(), **kwargs})

    def post(self, request: HttpRequest) -> HttpResponse:
        form = WorkspaceForm(request.POST)
        if not form.is_valid():
            return self.render_to_response(self.get_context_data(form=form), status=422)
        rename_workspace(current_operator(request).workspace, name=form.cleaned_data["name"])
        messages.success(request, "Saved.")
        return redirect("workspace")
