"""Serializers for the arguments of the live functions."""

from typing import Any

from rest_framework import serializers

from conversations.models import MAX_BODY_LENGTH, MAX_CLIENT_ID_LENGTH, MAX_TAG_LENGTH, MAX_TAGS, Conversation
from conversations.serializers import StatusChange
from praxtalk.core.api.pagination import DEFAULT_LIMIT, MAX_LIMIT
from praxtalk.core.api.serializers import (
    MAX_CURSOR,
    IdField,
    MillisecondsField,
    StrictBooleanField,
    StrictCharField,
    StrictEmailField,
    StrictIntegerField,
    StrictSerializer,
)

MAX_MENTIONS = 20
MAX_NAME_LENGTH, MAX_EMAIL_LENGTH, MAX_PHONE_LENGTH = 200, 254, 40  # of a visitor
LONGEST_WAITING = "longestWaiting"

# ruff: noqa: N815 - the field names are the keys of the JSON


class ConversationArguments(StrictSerializer):
    conversationId = IdField()


class ListInboxArguments(StrictSerializer):
    status = serializers.ChoiceField(Conversation.Status.choices, required=False)
    brandId = IdField(required=False)
    assignee = IdField(required=False)
    q = StrictCharField(required=False, max_length=200, allow_blank=True)
    limit = StrictIntegerField(min_value=1, max_value=MAX_LIMIT, default=DEFAULT_LIMIT)


class InboxPageArguments(ListInboxArguments):
    tagId = IdField(required=False)
    waiting = StrictBooleanField(required=False)
    order = serializers.ChoiceField(["newest", LONGEST_WAITING], default="newest")
    after = StrictCharField(required=False, max_length=MAX_CURSOR)


class CountsArguments(StrictSerializer):
    brandId = IdField(required=False)


class MessagesArguments(ConversationArguments):
    before = IdField(required=False)


class EntriesArguments(ConversationArguments):
    before = StrictIntegerField(required=False, min_value=1, max_value=2**31 - 1)


class SendMessageArguments(ConversationArguments):
    body = StrictCharField(max_length=MAX_BODY_LENGTH)
    clientMessageId = StrictCharField(required=False, max_length=MAX_CLIENT_ID_LENGTH)
    seenMessageId = IdField(required=False)


class WriteNoteArguments(ConversationArguments):
    body = StrictCharField(max_length=MAX_BODY_LENGTH)
    clientMessageId = StrictCharField(required=False, max_length=MAX_CLIENT_ID_LENGTH)
    mentions = serializers.ListField(child=IdField(), required=False, max_length=MAX_MENTIONS)


class SetStatusArguments(ConversationArguments, StatusChange):
    pass


class AssignArguments(ConversationArguments):
    operatorId = IdField(allow_null=True)


class ChangeConversationsArguments(StrictSerializer):
    """Omitted fields leave the conversations unchanged."""

    conversationIds = serializers.ListField(child=IdField(), min_length=1, max_length=MAX_LIMIT)
    operatorId = IdField(allow_null=True, required=False)
    status = StatusChange().fields["status"]
    snoozedUntil = StatusChange().fields["snoozedUntil"]
    addTags = serializers.ListField(child=IdField(), max_length=MAX_TAGS, required=False)
    removeTags = serializers.ListField(child=IdField(), max_length=MAX_TAGS, required=False)

    def get_fields(self) -> dict[str, Any]:
        fields: dict[str, Any] = super().get_fields()
        fields["status"].required = False
        return fields

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "status" in attrs:
            StatusChange().validate(attrs)
        elif "snoozedUntil" in attrs:
            raise serializers.ValidationError({"snoozedUntil": "Only allowed when status is snoozed."})
        if not {"status", "operatorId", "addTags", "removeTags"} & set(attrs):
            raise serializers.ValidationError({"status": "Provide status, operatorId, addTags or removeTags."})
        return attrs


class SeeAssignmentsArguments(StrictSerializer):
    until = MillisecondsField(required=False)


class TouchPresenceArguments(ConversationArguments):
    typing = StrictBooleanField(default=False)


class ChangeTagsArguments(ConversationArguments):
    add = serializers.ListField(child=IdField(), max_length=MAX_TAGS, default=list)
    remove = serializers.ListField(child=IdField(), max_length=MAX_TAGS, default=list)


class CreateTagArguments(StrictSerializer):
    name = StrictCharField(max_length=MAX_TAG_LENGTH)


class SendTranscriptArguments(ConversationArguments):
    to = serializers.ChoiceField(["visitor", "me"])


class BlockVisitorArguments(ConversationArguments):
    blocked = StrictBooleanField()


class VisitorArguments(StrictSerializer):
    visitorId = IdField()


class ChangeVisitorArguments(VisitorArguments):
    """Omitted fields stay unchanged. An empty or null e-mail address or phone number removes the stored one."""

    name = StrictCharField(required=False, max_length=MAX_NAME_LENGTH)
    email = StrictEmailField(optional=True, max_length=MAX_EMAIL_LENGTH)
    phone = StrictCharField(optional=True, max_length=MAX_PHONE_LENGTH)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if len(attrs) < 2:
            raise serializers.ValidationError("Send at least one of: name, email, phone.")
        return attrs


class BrandArguments(StrictSerializer):
    brandId = IdField(required=False)
