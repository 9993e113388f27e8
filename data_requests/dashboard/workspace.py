"""Export a workspace, show the progress of the export, and delete the demo workspace."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth import logout
from django.core.cache import cache
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect
from django.utils import timezone

from accounts.audit import Action, record
from accounts.middleware import current_operator
from accounts.roles import Ability
from data_requests.actions import delete_demo
from data_requests.workspace_export import export_document, progress_key
from praxtalk.core.api.outgoing_slots import NoFreeSlot
from praxtalk.core.dashboard.export import ExportResponse
from praxtalk.core.dashboard.views import DashboardView


class ExportWorkspaceView(DashboardView):
    """GET streams all data as one JSON document. ?id= is the id by which ExportProgressView finds this export."""

    ability = Ability.WORKSPACE

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        workspace = current_operator(request).workspace
        record(Action.WORKSPACE_EXPORTED, workspace_id=workspace.pk, subject=workspace)
        key = progress_key(workspace.pk, request.GET.get("id", ""))
        filename = f"praxtalk-{timezone.now().date().isoformat()}.json"
        try:
            return ExportResponse(export_document(workspace, key), filename=filename, content_type="application/json")
        except NoFreeSlot as error:
            messages.error(request, str(error.detail))
            return redirect("workspace")


class ExportProgressView(DashboardView):
    """GET returns {"done", "total"}: numbers of rows of the export with this id. Both are 0 before it begins."""

    ability = Ability.WORKSPACE

    def get(self, request: HttpRequest, id: UUID, *args: Any, **kwargs: Any) -> HttpResponse:
        done, total = cache.get(progress_key(current_operator(request).workspace_id, str(id)), (0, 0))
        return JsonResponse({"done": done, "total": total})


class DeleteDemoView(DashboardView):
    """GET asks for confirmation; POST deletes the demo workspace and signs the operator out. 404 in any other workspace."""

    ability = Ability.WORKSPACE
    title = "Delete the demo workspace?"
    template_name = "data_requests/delete_demo.html"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.user.is_authenticated and not current_operator(request).workspace.is_demo:
            raise Http404
        return super().dispatch(request, *args, **kwargs)

    def post(self, request: HttpRequest) -> HttpResponse:
        workspace = current_operator(request).workspace
        delete_demo(workspace)
        logout(request)
        messages.success(request, "The demo workspace has been deleted.")
        return redirect("sign_in")
