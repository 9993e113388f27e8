"""What a visitor does. Each action locks the visitor's row first, so that the writes of a visitor's tabs are serialised."""

from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from brands.models import Brand
from conversations import actions
from conversations.models import Attachment, Channel, Conversation, ConversationQuerySet, Message, Visitor
from conversations.search import WORDS_FIELDS
from praxtalk.core.db.inserts import insert_if_new
from praxtalk.core.db.transactions import is_locked, joined_transaction, lock
from praxtalk.core.live.topics import publish_on_commit


@dataclass(frozen=True)
class VisitorDetails:
    """Details of the person who writes. external_id: the site's own id for them, already verified; None if anonymous."""

    name: str
    email: str = ""
    phone: str = ""
    external_id: str | None = None
    locale: str = ""


class Blocked(ValueError):
    """An operator has blocked this visitor, so their messages are rejected."""

    def __init__(self) -> None:
        super().__init__("You can no longer send messages here.")


@joined_transaction()
def start_conversation(
    brand: Brand, details: VisitorDetails, *, body: str, client_id: UUID, page: str = "", browser: str = ""
) -> tuple[Visitor, Message]:
    """Create the visitor of a submitted form, with their first message. Raises Blocked.

    Submitting the same form again returns the same visitor and message. A person with a verified external id is the same
    visitor on all their devices.
    """
    identity = {"external_id": details.external_id} if details.external_id else {"start_id": client_id}
    fields = identity | _detail_fields(details, page)
    new_visitor = Visitor(workspace_id=brand.workspace_id, brand=brand, browser=browser, **fields)
    if insert_if_new(new_visitor):
        return new_visitor, actions.send_first_message(
            new_visitor, body=body, channel=Channel.WIDGET, client_id=str(client_id)
        )
    visitor = lock(Visitor.objects.filter(workspace_id=brand.workspace_id, brand=brand, **identity))
    if visitor is None:
        raise Visitor.DoesNotExist
    if details.external_id:
        update_visitor(visitor, details, page=page)
    return visitor, send_visitor_message(visitor, body=body, client_id=client_id, browser=browser)


@joined_transaction()
def send_visitor_message(
    visitor: Visitor, *, body: str, client_id: UUID, attachment: Attachment | None = None, browser: str = ""
) -> Message:
    """Store the visitor's message in their newest conversation, or in a new one. Raises Blocked.

    If a message with this client_id exists, it is returned and no other is stored. browser: the browser that the visitor uses.
    """
    visitor = _lock_and_reload(visitor)
    if visitor.blocked_at:
        raise Blocked
    _save_changes(visitor, {"browser": browser})
    conversation = lock(newest_first(visitor.workspace_id, visitor.pk).with_assignee())
    if conversation is None:
        return actions.send_first_message(
            visitor, body=body, channel=Channel.WIDGET, client_id=str(client_id), attachment=attachment
        )
    conversation.visitor = visitor
    return actions.send_message(
        conversation,
        role=Message.Role.VISITOR,
        body=body,
        channel=Channel.WIDGET,
        client_id=str(client_id),
        attachment=attachment,
    )


@joined_transaction()
def identify(brand: Brand, details: VisitorDetails, *, anonymous: Visitor | None = None) -> Visitor | None:
    """Return the visitor of a person whose external id is verified; None if they have never written.

    anonymous: the visitor of the browser's token, if it has no external id yet. Its conversations are assigned to the person:

    1. If the person has no visitor yet, the anonymous visitor gets the external id. Its earlier tokens become invalid.
    2. Otherwise the anonymous visitor is merged into the person's visitor.
    """
    rows = Visitor.objects.filter(workspace_id=brand.workspace_id, brand=brand)
    visitor = rows.filter(external_id=details.external_id).first()
    if visitor is None and anonymous is not None:
        visitor = _link_external_id(rows, anonymous, details) or rows.filter(external_id=details.external_id).first()
    if visitor is None:
        return None
    if anonymous is not None and anonymous.pk != visitor.pk:
        with suppress(Visitor.DoesNotExist), transaction.atomic():  # another tab has merged it already
            visitor = actions.merge_visitor(anonymous, into=visitor)
    return update_visitor(visitor, details)


def _link_external_id(rows: QuerySet[Visitor], anonymous: Visitor, details: VisitorDetails) -> Visitor | None:
    """Give the anonymous visitor the person's external id. Return None if another device or tab did so first."""
    try:
        with transaction.atomic():
            is_linked = rows.filter(pk=anonymous.pk, external_id=None).update(external_id=details.external_id)
    except IntegrityError:
        return None
    if not is_linked:
        return None
    publish_on_commit(Visitor.topic(anonymous.workspace_id, anonymous.pk))
    return rows.get(pk=anonymous.pk)


@joined_transaction()
def update_visitor(visitor: Visitor, details: VisitorDetails, *, page: str = "") -> Visitor:
    """Update the details of a verified visitor. Empty values leave the stored ones unchanged."""
    visitor = _lock_and_reload(visitor)
    if _save_changes(visitor, _detail_fields(details, page)):
        conversations = Conversation.objects.filter(workspace_id=visitor.workspace_id, visitor=visitor)
        publish_on_commit(*(topic for conversation in conversations for topic in conversation.topics))
    return visitor


@joined_transaction()
def save_context(visitor: Visitor, *, referrer: str = "", time_zone: str = "") -> Visitor:
    """Store the referrer and the time zone that the visitor's browser reports. Empty values leave the stored ones unchanged."""
    visitor = _lock_and_reload(visitor)
    _save_changes(visitor, {"referrer": referrer, "time_zone": time_zone})
    return visitor


def _save_changes(visitor: Visitor, details: dict[str, str]) -> bool:
    """Save and publish the non-empty values that differ from the stored ones. Return whether there were any."""
    differing = [name for name, value in details.items() if value and value != getattr(visitor, name)]
    for name in differing:
        setattr(visitor, name, details[name])
    if differing:
        visitor.save(update_fields=[*differing, *WORDS_FIELDS])
        publish_on_commit(Visitor.topic(visitor.workspace_id, visitor.pk))
    return bool(differing)


def _detail_fields(details: VisitorDetails, page: str) -> dict[str, str]:
    return {
        "name": details.name,
        "email": details.email,
        "phone": details.phone,
        "locale": details.locale,
        "page": page,
    }


def newest_conversation(workspace_id: UUID, visitor_id: UUID) -> Conversation | None:
    """Return the visitor's newest conversation, with its visitor loaded; None before the first message."""
    return newest_first(workspace_id, visitor_id).select_related("read_state", "visitor").first()


def newest_first(workspace_id: UUID, visitor_id: UUID) -> ConversationQuerySet:
    """Return all conversations of a visitor, newest first."""
    rows = Conversation.objects.filter(workspace_id=workspace_id, visitor_id=visitor_id)
    return rows.order_by("-created_at", "-id")


def _lock_and_reload(visitor: Visitor) -> Visitor:
    """Lock and reload the visitor, unless this instance was read by `lock`. Raises Visitor.DoesNotExist."""
    if is_locked(visitor):
        return visitor
    row = lock(Visitor.objects.filter(workspace_id=visitor.workspace_id, pk=visitor.pk))
    if row is None:
        raise Visitor.DoesNotExist
    return row
