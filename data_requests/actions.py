"""Erase a visitor, and delete the demo workspace."""

from functools import partial

from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.models import Model

from accounts.models import Workspace
from accounts.operator_tokens import operator_topic
from conversations.actions.erasure import delete_files, erase_visitor, lock_conversations
from conversations.models import Attachment, Visitor
from leads.models import Lead
from praxtalk.core.db.transactions import joined_transaction
from praxtalk.core.live.topics import publish_on_commit


@joined_transaction()
def erase_visitor_and_leads(visitor: Visitor) -> int:
    """Delete the visitor, their conversations, and the leads that refer to them. Return the number of deleted conversations.

    The conversations are locked before the leads are queried. Creating a lead takes the same lock, so no new lead is missed.
    """
    lock_conversations(visitor)
    leads = list(Lead.objects.filter(workspace_id=visitor.workspace_id, conversation__visitor=visitor))
    Lead.objects.filter(pk__in=[lead.pk for lead in leads]).delete()
    publish_on_commit(*{topic for lead in leads for topic in lead.topics})
    return erase_visitor(visitor, deleted_lead_ids=[lead.pk for lead in leads])


@joined_transaction()
def delete_demo(workspace: Workspace) -> None:
    """Delete the demo workspace with everything in it, and its files after the commit. Raises ValidationError for another one.

    All foreign keys are checked at the commit, so the order of the tables does not matter.
    """
    if not Workspace.objects.select_for_update().get(pk=workspace.pk).is_demo:
        raise ValidationError("Only the demo workspace can be deleted.")
    files = [each.file for each in Attachment.objects.filter(workspace=workspace)]
    operators = [operator_topic(pk) for pk in workspace.operators.values_list("pk", flat=True)]
    with connection.cursor() as cursor:
        for model in _models_of_workspaces():
            table = connection.ops.quote_name(model._meta.db_table)
            cursor.execute(f"DELETE FROM {table} WHERE workspace_id = %s", [workspace.pk])  # noqa: S608 - a table's name
        cursor.execute("DELETE FROM accounts_workspace WHERE id = %s", [workspace.pk])
    publish_on_commit(*operators)
    transaction.on_commit(partial(delete_files, files))


def _models_of_workspaces() -> list[type[Model]]:
    """Return the models whose rows belong to a workspace."""
    models = [model for model in apps.get_models(include_auto_created=True) if model._meta.managed]
    return [model for model in models if any(field.column == "workspace_id" for field in model._meta.concrete_fields)]
