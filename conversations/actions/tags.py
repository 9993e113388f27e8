"""Create, rename and delete tags, and change the tags of a conversation."""

from collections.abc import Collection
from uuid import UUID

from conversations.actions._base import add_activity, lock_and_reload
from conversations.models import MAX_TAGS, Activity, Conversation, ConversationTag, Tag
from praxtalk.core.db.transactions import joined_transaction
from praxtalk.core.live.topics import publish_on_commit
from praxtalk.core.validators import validate_visible


class InvalidTags(ValueError):
    """The workspace has no such tag, or the conversation would have more than MAX_TAGS."""


@joined_transaction()
def create_tag(workspace_id: UUID, *, name: str) -> Tag:
    """Create a tag. Raises ValidationError if the name is invalid or already used in the workspace."""
    validate_visible(name)
    tag = Tag(workspace_id=workspace_id, name=name)
    tag.full_clean()
    tag.save()
    publish_on_commit(Tag.topic(workspace_id))
    return tag


@joined_transaction()
def rename_tag(tag: Tag, *, name: str) -> Tag:
    """Rename the tag on every conversation that has it. Raises ValidationError if the name is invalid or already used."""
    tag = Tag.objects.select_for_update(no_key=True).get(workspace_id=tag.workspace_id, pk=tag.pk)
    validate_visible(name)
    tag.name = name
    tag.full_clean()
    tag.save(update_fields=["name"])
    publish_on_commit(Tag.topic(tag.workspace_id))
    return tag


@joined_transaction()
def delete_tag(tag: Tag) -> None:
    """Delete the tag and remove it from every conversation."""
    Tag.objects.filter(workspace_id=tag.workspace_id, pk=tag.pk).delete()
    publish_on_commit(Tag.topic(tag.workspace_id))


@joined_transaction()
def change_tags(
    conversation: Conversation, *, add: Collection[UUID] = (), remove: Collection[UUID] = ()
) -> Conversation:
    """Add and remove tags. Other tags stay as they are, so concurrent changes by colleagues are kept. Raises InvalidTags."""
    conversation = lock_and_reload(conversation)
    wanted = {tag.pk: tag.name for tag in Tag.objects.filter(workspace_id=conversation.workspace_id, pk__in=add)}
    if len(wanted) < len(set(add)):
        raise InvalidTags("no such tag")
    rows = ConversationTag.objects.filter(workspace_id=conversation.workspace_id, conversation=conversation)
    current = dict(rows.values_list("tag_id", "tag__name"))
    added = [pk for pk in wanted if pk not in current]
    removed = [pk for pk in current if pk in remove and pk not in wanted]
    if len(current) + len(added) - len(removed) > MAX_TAGS:
        raise InvalidTags(f"a conversation can have up to {MAX_TAGS} tags")
    if added or removed:
        rows.filter(tag_id__in=removed).delete()
        ConversationTag.objects.bulk_create(
            ConversationTag(workspace_id=conversation.workspace_id, conversation=conversation, tag_id=pk)
            for pk in added
        )
        added_names, removed_names = [wanted[pk] for pk in added], [current[pk] for pk in removed]
        add_activity(conversation, Activity.Kind.TAGGED, added=added_names, removed=removed_names)
        publish_on_commit(*conversation.topics)
    return conversation
