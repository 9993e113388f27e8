"""Erase a visitor."""

from conversations.actions.erasure import erase_visitor, lock_conversations
from conversations.models import Visitor
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
