"""Erase a visitor."""

from conversations.actions.erasure import erase_visitor, locked_conversations
from conversations.models import Visitor
from leads.models import Lead
from praxtalk.core.db.transactions import joined_transaction
from praxtalk.core.live.topics import publish_on_commit


@joined_transaction()
def erase(visitor: Visitor) -> int:
    """Delete the visitor, their conversations, and the leads that point to these. How many conversations.

    The conversations are locked before the leads are looked for: a lead that is being created takes that lock too, so none
    is left behind.
    """
    locked_conversations(visitor)
    leads = list(Lead.objects.filter(workspace_id=visitor.workspace_id, conversation__visitor=visitor))
    Lead.objects.filter(pk__in=[lead.pk for lead in leads]).delete()
    publish_on_commit(*{topic for lead in leads for topic in lead.topics})
    return erase_visitor(visitor, and_events_about=[lead.pk for lead in leads])
