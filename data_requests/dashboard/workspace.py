"""Export a workspace, and show the progress of the export."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.utils import timezone

from accounts.audit import Action, record
from accounts.middleware import current_operator
from accounts.roles import Ability
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
