"""Actions that change a workspace itself."""

from accounts.audit import Action, record
from accounts.models import Workspace
from praxtalk.core.db.transactions import joined_transaction


@joined_transaction()
def rename_workspace(workspace: Workspace, *, name: str) -> None:
    Workspace.objects.filter(pk=workspace.pk).update(name=name)
    record(Action.WORKSPACE_CHANGED, workspace_id=workspace.pk, subject=name)
