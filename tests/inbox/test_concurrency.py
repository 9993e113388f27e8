"""Operators who make the same change to one conversation at the same time."""

import pytest

from conversations.models import Activity, ConversationTag, Tag
from tests.dashboard.test_concurrency import call_at_once
from tests.sync.live_client import call_as

pytestmark = pytest.mark.django_db(transaction=True)


def test_concurrent_creation_of_a_tag_creates_one_tag(tenants, conversations):
    north_args = {"conversationId": str(conversations.north.pk)}

    def tag_it(operator, name):
        tag_id = call_as(operator, "tags:create", name=name)["tagId"]
        call_as(operator, "conversations:changeTags", **north_args, add=[tag_id])
        return tag_id

    for round_ in range(5):
        names = [f"Race {round_}", f"race {round_}"] * 2
        people = [tenants.alice, tenants.bob] * 2
        tag_ids = call_at_once(*(lambda o=o, n=n: tag_it(o, n) for o, n in zip(people, names, strict=True)))
        assert len(set(tag_ids)) == 1
        assert Tag.objects.filter(workspace=tenants.acme, name__iexact=names[0]).count() == 1
        assert ConversationTag.objects.filter(conversation=conversations.north, tag_id=tag_ids[0]).count() == 1


def test_identical_concurrent_changes_are_applied_once(tenants, conversations):
    north_args = {"conversationId": str(conversations.north.pk)}
    operations = [
        lambda: call_as(tenants.bob, "conversations:assign", **north_args, operatorId=str(tenants.bob.pk)),
        lambda: call_as(tenants.alice, "conversations:setStatus", **north_args, status="resolved"),
        lambda: call_as(tenants.alice, "conversations:blockVisitor", **north_args, blocked=True),
        lambda: call_as(tenants.bob, "presence:touch", **north_args),
    ]
    call_at_once(*operations * 3)
    kinds = Activity.objects.filter(conversation=conversations.north).values_list("kind", flat=True)
    assert sorted(kinds) == ["assigned", "blocked", "status"]
