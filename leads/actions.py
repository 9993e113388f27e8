"""Actions on leads. Each one writes, records an event and publishes topics, in one transaction."""

from uuid import UUID

from brands.models import Brand
from conversations.actions import lock_and_reload
from conversations.models import Conversation
from conversations.search import WORDS_FIELDS
from integrations.models import EventName
from integrations.webhooks.outbox import record_event
from leads.models import Lead
from leads.serializers import lead_json
from praxtalk.core.db.transactions import is_locked, joined_transaction, lock
from praxtalk.core.epoch import now_after
from praxtalk.core.live.topics import publish_on_commit


class BrandMismatch(ValueError):
    """The brand of a lead differs from the brand of its conversation."""


@joined_transaction()
def create_lead(
    workspace_id: UUID,
    *,
    name: str,
    email: str = "",
    phone: str = "",
    notes: str = "",
    status: Lead.Status = Lead.Status.NEW,
    brand: Brand | None = None,
    conversation: Conversation | None = None,
) -> Lead:
    """Create a lead. With a conversation, it gets the brand of the conversation.

    Raises BrandMismatch if `brand` is another one, and Conversation.DoesNotExist if the conversation has been erased.
    """
    brand_id = brand.pk if brand else None
    if conversation:
        conversation = lock_and_reload(conversation)  # a concurrent erasure waits, or has already finished
        if brand_id and brand_id != conversation.brand_id:
            raise BrandMismatch("the conversation belongs to another brand")
        brand_id = conversation.brand_id
    lead = Lead.objects.create(
        workspace_id=workspace_id,
        brand_id=brand_id,
        conversation=conversation,
        name=name,
        email=email,
        phone=phone,
        notes=notes,
        status=status,
    )
    _record(EventName.LEAD_CREATED, lead)
    publish_on_commit(*lead.topics)
    return lead


@joined_transaction()
def update_lead(
    lead: Lead,
    *,
    name: str | None = None,
    email: str | None = None,
    phone: str | None = None,
    notes: str | None = None,
    status: Lead.Status | None = None,
) -> Lead:
    """Change the given fields. A new status records the event lead.status_changed; the same status records nothing."""
    lead = _lock_and_reload(lead)
    previous = lead.status
    wanted = {"name": name, "email": email, "phone": phone, "notes": notes, "status": status}
    changes = {field: value for field, value in wanted.items() if value is not None and value != getattr(lead, field)}
    if not changes:
        return lead
    for field, value in changes.items():
        setattr(lead, field, value)
    lead.updated_at = now_after(lead.updated_at)
    lead.save(update_fields=[*changes, "updated_at", *WORDS_FIELDS])
    if "status" in changes:
        _record(EventName.LEAD_STATUS_CHANGED, lead, previousStatus=previous)
    publish_on_commit(*lead.topics)
    return lead


def lock_lead(workspace_id: UUID, lead_id: UUID) -> Lead | None:
    """Return the lead, locked until the transaction ends, or None if there is none.

    A caller that passes the result to an action saves a query: the action does not read the row again.
    """
    return lock(Lead.objects.filter(workspace_id=workspace_id, pk=lead_id))


def _lock_and_reload(lead: Lead) -> Lead:
    row = lead if is_locked(lead) else lock_lead(lead.workspace_id, lead.pk)
    if row is None:
        raise Lead.DoesNotExist
    return row


def _record(name: EventName, lead: Lead, **more: object) -> None:
    record_event(name, workspace_id=lead.workspace_id, brand_id=lead.brand_id, data={"lead": lead_json(lead), **more})
