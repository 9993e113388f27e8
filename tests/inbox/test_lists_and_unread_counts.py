"""The lists of the inbox: unread counts, pagination, tags and mentions."""

import pytest

from conversations.models import Activity, Conversation, Notification
from tests.conftest import make_conversation
from tests.inbox.test_live_functions import error_code_of, north_args, write_as_visitor
from tests.sync.live_client import call_as
from tests.sync.sockets import RequestFailed

__all__ = ["north_args"]

pytestmark = pytest.mark.django_db


def unread_of(operator):
    return {row["_id"]: row["unread"] for row in call_as(operator, "inbox:list")["rows"]}


def test_unread_state_is_per_operator(tenants, conversations, north_args):
    north = str(conversations.north.pk)
    assert unread_of(tenants.alice)[north]
    call_as(tenants.alice, "presence:touch", **north_args)
    assert not unread_of(tenants.alice)[north]
    assert unread_of(tenants.bob)[north]
    call_as(tenants.alice, "messages:send", **north_args, body="Yes?")
    assert not unread_of(tenants.alice)[north]
    write_as_visitor(conversations.north)
    assert unread_of(tenants.alice)[north]


def test_unread_count_includes_only_own_and_unassigned_conversations(tenants, conversations, north_args):
    counts = call_as(tenants.alice, "inbox:counts")
    assert (counts["unread"], counts["newest"]["conversationId"]) == (2, str(conversations.south.pk))
    call_as(tenants.alice, "conversations:assign", **north_args, operatorId=str(tenants.bob.pk))
    assert call_as(tenants.alice, "inbox:counts")["unread"] == 1
    assert call_as(tenants.bob, "inbox:counts")["unread"] == 1
    call_as(tenants.bob, "conversations:setStatus", **north_args, status="resolved")
    assert call_as(tenants.bob, "inbox:counts")["newest"] is None


def test_list_pagination_has_no_gaps(tenants, conversations):
    for _ in range(25):
        make_conversation(tenants.north)
    found, after = [], {}
    while True:
        page = call_as(tenants.bob, "inbox:list", limit=10, **after)
        found += [row["_id"] for row in page["rows"]]
        if not page["next"]:
            break
        after = {"after": page["next"]}
    newest_first = Conversation.objects.filter(brand=tenants.north).order_by("-last_activity_at")
    assert found == [str(pk) for pk in newest_first.values_list("pk", flat=True)]
    for wrong in ("nonsense", call_as(tenants.mallory, "inbox:list", limit=1)["next"] or "x"):
        assert error_code_of(tenants.bob, "inbox:list", after=wrong) == "INVALID"


def test_conversations_are_tagged_and_found_by_tag(tenants, conversations, north_args):
    vip = call_as(tenants.bob, "tags:create", name="VIP")["tagId"]
    assert call_as(tenants.alice, "tags:create", name="vip") == {"tagId": vip}
    with pytest.raises(RequestFailed, match="invisible characters"):
        call_as(tenants.alice, "tags:create", name="\u200b")
    call_as(tenants.bob, "conversations:changeTags", **north_args, add=[vip])
    (row,) = call_as(tenants.alice, "inbox:list", tagId=vip)["rows"]
    assert (row["_id"], row["tags"]) == (str(conversations.north.pk), [{"_id": vip, "name": "VIP"}])
    assert call_as(tenants.mallory, "tags:list") == []
    assert call_as(tenants.mallory, "inbox:list", tagId=vip)["rows"] == []
    of_west = {"conversationId": str(conversations.west.pk)}
    assert error_code_of(tenants.mallory, "conversations:changeTags", **of_west, add=[vip]) == "NOT_FOUND"
    late = call_as(tenants.bob, "tags:create", name="late")["tagId"]
    call_as(tenants.alice, "conversations:changeTags", **north_args, add=[late])
    call_as(tenants.bob, "conversations:changeTags", **north_args, remove=[vip])  # Bob has never seen the tag "late"
    (row,) = call_as(tenants.alice, "inbox:list", tagId=late)["rows"]
    assert row["tags"] == [{"_id": late, "name": "late"}]
    assert call_as(tenants.alice, "inbox:list", tagId=vip)["rows"] == []
    logged = [each.details for each in Activity.objects.filter(kind="tagged").order_by("position")]
    assert logged == [
        {"added": ["VIP"], "removed": []},
        {"added": ["late"], "removed": []},
        {"added": [], "removed": ["VIP"]},
    ]


def test_mention_is_listed_until_the_conversation_is_opened(tenants, conversations, north_args):
    of_south = {"conversationId": str(conversations.south.pk)}
    for place in (north_args, of_south):
        call_as(
            tenants.alice,
            "notes:write",
            **place,
            body="@Bob look",
            mentions=[str(tenants.bob.pk), str(tenants.alice.pk)],
        )
    (mention,) = call_as(tenants.bob, "inbox:mentions")  # Bob does not see South
    assert (mention["conversationId"], mention["author"]["name"]) == (str(conversations.north.pk), "Alice")
    assert call_as(tenants.bob, "inbox:counts")["mentions"] == 1
    assert call_as(tenants.alice, "inbox:mentions") == []
    call_as(tenants.bob, "presence:touch", **north_args)
    assert call_as(tenants.bob, "inbox:mentions") == []
    assert Notification.objects.count() == 1
    assert (
        error_code_of(tenants.alice, "notes:write", **north_args, body="x", mentions=[str(tenants.mallory.pk)])
        == "NOT_FOUND"
    )
