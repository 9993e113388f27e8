"""What a visitor does. Each action takes the visitor's row lock first: two tabs of one visitor write one after the other."""

from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.db.models import Value
from django.db.models.functions import Greatest
from django.utils import timezone

from brands.models import Brand
from conversations import actions
from conversations.models import Attachment, Channel, Conversation, Message, Visitor
from praxtalk.live.topics import changed


@dataclass(frozen=True)
class Person:
    """Who fills the form. external_id: the site's own id for them, proven already; None for a stranger."""

    name: str
    email: str = ""
    phone: str = ""
    external_id: str | None = None
    locale: str = ""


@transaction.atomic
def start(brand: Brand, person: Person, *, body: str, client_id: UUID, page: str = "") -> tuple[Visitor, Message]:
    """The form was sent: its visitor with their first message. The same form sent twice is the same visitor and message; a
    proven person is the same visitor from each of their devices."""
    known = {"external_id": person.external_id} if person.external_id else {"start_id": client_id}
    details = _details(person, page)
    visitor, is_new = Visitor.objects.get_or_create(
        workspace_id=brand.workspace_id, brand=brand, **known, defaults=details
    )
    if not is_new and person.external_id:
        update(visitor, person, page=page)
    return visitor, say(visitor, body=body, client_id=client_id)


@transaction.atomic
def say(visitor: Visitor, *, body: str, client_id: UUID, attachment: Attachment | None = None) -> Message:
    """The visitor's message, in their newest conversation or a new one. The message that has this client_id already is
    returned, and nothing changes."""
    visitor = _locked(visitor)
    conversation = newest_conversation(visitor.workspace_id, visitor.pk)
    if conversation is None:
        begun = actions.start_conversation(
            visitor, body=body, channel=Channel.WIDGET, client_id=str(client_id), attachment=attachment
        )
        return begun.messages.get()
    return actions.send_message(
        conversation,
        role=Message.Role.VISITOR,
        body=body,
        channel=Channel.WIDGET,
        client_id=str(client_id),
        attachment=attachment,
    )


@transaction.atomic
def update(visitor: Visitor, person: Person, *, page: str = "") -> Visitor:
    """What a proven person tells anew of themselves; what they leave out stays."""
    visitor = _locked(visitor)
    details = _details(person, page)
    differing = [name for name, value in details.items() if value and value != getattr(visitor, name)]
    for name in differing:
        setattr(visitor, name, details[name])
    if differing:
        visitor.save(update_fields=differing)
        talks = Conversation.objects.filter(workspace_id=visitor.workspace_id, visitor=visitor)
        talks.update(updated_at=Greatest("updated_at", Value(timezone.now())))
        changed(*(topic for talk in talks for topic in talk.topics))
    return visitor


def _details(person: Person, page: str) -> dict[str, str]:
    return {
        "name": person.name,
        "email": person.email,
        "phone": person.phone,
        "locale": person.locale,
        "page": page,
    }


def newest_conversation(workspace_id: UUID, visitor_id: UUID) -> Conversation | None:
    """The one that is going on; None before the first message."""
    rows = Conversation.objects.filter(workspace_id=workspace_id, visitor_id=visitor_id)
    return rows.select_related("reading").order_by("-created_at", "-id").first()


def _locked(visitor: Visitor) -> Visitor:
    rows = Visitor.objects.filter(workspace_id=visitor.workspace_id)
    return rows.select_for_update(no_key=True).get(pk=visitor.pk)
