"""Change the details of visitors, block them, and merge two visitors who are the same person."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils import timezone

from accounts.audit import Action, record
from conversations.actions._base import add_activity, lock_and_reload
from conversations.models import Activity, Conversation, Visitor
from conversations.search import WORDS_FIELDS
from praxtalk.core.db.transactions import joined_transaction
from praxtalk.core.epoch import now_after
from praxtalk.core.live.topics import publish_on_commit
from praxtalk.core.validators import validate_visible

MERGED_FIELDS = ("email", "phone", "locale", "page", "referrer", "browser", "time_zone", "blocked_at")


@joined_transaction()
def change_visitor(
    visitor: Visitor, *, name: str | None = None, email: str | None = None, phone: str | None = None
) -> Visitor:
    """Change the given details of a visitor, as an operator knows them. Later replies go to the new e-mail address.

    The audit log records the visitor's id and which fields were changed. Raises Visitor.DoesNotExist, and ValidationError if a
    value is not valid.
    """
    visitor = Visitor.objects.select_for_update(no_key=True).get(workspace_id=visitor.workspace_id, pk=visitor.pk)
    wanted = {"name": name, "email": email, "phone": phone}
    changed = [field for field, value in wanted.items() if value is not None and value != getattr(visitor, field)]
    if not changed:
        return visitor
    for field in changed:
        setattr(visitor, field, wanted[field])
    _validate(visitor, changed)
    visitor.save(update_fields=[*changed, *WORDS_FIELDS])
    record(Action.VISITOR_CHANGED, workspace_id=visitor.workspace_id, subject=visitor.pk, changed=changed)
    conversations = list(
        Conversation.objects.filter(workspace_id=visitor.workspace_id, visitor=visitor)
        .select_for_update(no_key=True)
        .order_by("pk")
    )
    for conversation in conversations:  # their JSON contains the visitor's details
        conversation.updated_at = now_after(conversation.updated_at)
        conversation.save(update_fields=["updated_at"])
    publish_on_commit(
        Visitor.topic(visitor.workspace_id, visitor.pk), *(topic for each in conversations for topic in each.topics)
    )
    return visitor


def _validate(visitor: Visitor, fields: list[str]) -> None:
    """Raise ValidationError, by field, unless the values of these fields are valid."""
    errors: dict[str, Any] = {}
    try:
        visitor.clean_fields(exclude={field.name for field in Visitor._meta.fields} - set(fields))
    except ValidationError as error:
        errors |= error.error_dict
    for field in fields:
        try:
            validate_visible(getattr(visitor, field))
        except ValidationError as error:
            errors.setdefault(field, error)
    if errors:
        raise ValidationError(errors)


@joined_transaction()
def block_visitor(conversation: Conversation, *, is_blocked: bool) -> Visitor:
    """Block or unblock the conversation's visitor. Messages of a blocked visitor are rejected; earlier messages stay."""
    # Lock the visitor first, as `widget.actions` does when a visitor writes. A different order could deadlock.
    visitor = Visitor.objects.select_for_update(no_key=True).get(
        workspace_id=conversation.workspace_id, pk=conversation.visitor_id
    )
    conversation = lock_and_reload(conversation)
    if (visitor.blocked_at is not None) != is_blocked:
        visitor.blocked_at = timezone.now() if is_blocked else None
        visitor.save(update_fields=["blocked_at"])
        add_activity(conversation, Activity.Kind.BLOCKED, blocked=is_blocked)
        conversations = Conversation.objects.filter(workspace_id=visitor.workspace_id, visitor=visitor)
        publish_on_commit(*(topic for each in conversations for topic in each.topics))
    return visitor


@joined_transaction()
def merge_visitor(anonymous: Visitor, *, into: Visitor) -> Visitor:
    """Move every conversation of an anonymous visitor to another visitor of the brand, and delete the anonymous one.

    `into` keeps its details, and gets those that it lacks from the anonymous visitor. If either visitor is
    blocked, the merged one is.

    Raises Visitor.DoesNotExist if either visitor no longer exists, or if the anonymous one now has an external id.
    """
    both = Q(pk=anonymous.pk, external_id=None) | Q(pk=into.pk)
    rows = Visitor.objects.filter(both, workspace_id=into.workspace_id, brand_id=into.brand_id)
    locked_rows = {row.pk: row for row in rows.select_for_update().order_by("pk")}
    if len(locked_rows) < 2:
        raise Visitor.DoesNotExist
    anonymous, into = locked_rows[anonymous.pk], locked_rows[into.pk]
    conversations = Conversation.objects.filter(workspace_id=into.workspace_id, visitor=anonymous)
    topics = [Visitor.topic(visitor.workspace_id, visitor.pk) for visitor in (anonymous, into)]
    for conversation in conversations.select_for_update(no_key=True).order_by("pk"):
        conversation.visitor = into
        conversation.updated_at = now_after(conversation.updated_at)
        conversation.save(update_fields=["visitor", "updated_at"])
        topics += conversation.topics
    for field in MERGED_FIELDS:
        setattr(into, field, getattr(into, field) or getattr(anonymous, field))
    # erase_visitor deletes the events since this time.
    into.created_at = min(into.created_at, anonymous.created_at)
    into.save(update_fields=[*MERGED_FIELDS, "created_at", *WORDS_FIELDS])
    anonymous.delete()
    publish_on_commit(*topics)
    return into
