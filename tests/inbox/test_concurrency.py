"""Colleagues who do the same to one conversation at the same moment."""

import pytest

from conversations.models import Activity, ConversationTag, Tag
from tests.dashboard.test_concurrency import together
from tests.sync.live_client import ask

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_tag_that_two_make_at_once_is_one(cast, talks):
    of_north = {"conversationId": str(talks.north.pk)}

    def tag_it(operator, name):
        tag_id = ask(operator, "tags:create", name=name)["tagId"]
        ask(operator, "conversations:changeTags", **of_north, add=[tag_id])
        return tag_id

    for round_ in range(5):
        names = [f"Race {round_}", f"race {round_}"] * 2
        people = [cast.alice, cast.bob] * 2
        made = together(*(lambda o=o, n=n: tag_it(o, n) for o, n in zip(people, names, strict=True)))
        assert len(set(made)) == 1
        assert Tag.objects.filter(workspace=cast.acme, name__iexact=names[0]).count() == 1
        assert ConversationTag.objects.filter(conversation=talks.north, tag_id=made[0]).count() == 1


def test_what_many_do_at_once_is_done_once(cast, talks):
    of_north = {"conversationId": str(talks.north.pk)}
    deeds = [
        lambda: ask(cast.bob, "conversations:assign", **of_north, operatorId=str(cast.bob.pk)),
        lambda: ask(cast.alice, "conversations:setStatus", **of_north, status="resolved"),
        lambda: ask(cast.alice, "conversations:blockVisitor", **of_north, blocked=True),
        lambda: ask(cast.bob, "presence:touch", **of_north),
    ]
    together(*deeds * 3)
    kinds = Activity.objects.filter(conversation=talks.north).values_list("kind", flat=True)
    assert sorted(kinds) == ["assigned", "blocked", "status"]
