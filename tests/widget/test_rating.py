"""Ratings: when visitors are asked for one, and which values are accepted."""

import pytest

from conversations.actions import set_status
from conversations.models import Activity, Conversation
from tests.sync.live_client import call_as
from tests.sync.sockets import RequestFailed
from tests.widget.visitors import VisitorClient

pytestmark = pytest.mark.django_db


@pytest.fixture
def visitor_client(tenants):
    visitor_client = VisitorClient(tenants.north)
    visitor_client.start(message="one")
    return visitor_client


def end_conversation(status="resolved"):
    return set_status(Conversation.objects.order_by("-created_at").first(), status=status)


def rejected_rating(visitor_client, **arguments):
    with pytest.raises(RequestFailed) as refused:
        visitor_client.call_function("widget:rate", **arguments)
    return refused.value


@pytest.mark.parametrize("status", ["resolved", "closed"])
def test_ended_conversation_can_be_rated(tenants, visitor_client, status):
    assert visitor_client.thread().json()["rating"] is None
    conversation = end_conversation(status)
    requested = {"conversationId": str(conversation.pk), "value": None}
    assert (
        visitor_client.call_function("widget:thread")["rating"] == visitor_client.thread().json()["rating"] == requested
    )
    assert visitor_client.call_function("widget:rate", rating=4) == {"ok": True}
    assert visitor_client.call_function("widget:thread")["rating"] == requested | {"value": 4}
    visitor_client.call_function("widget:rate", conversationId=str(conversation.pk), rating=2, comment="  Too slow. ")
    conversation.refresh_from_db()
    assert (conversation.rating, conversation.rating_comment) == (2, "Too slow.")
    shown = call_as(tenants.alice, "inbox:thread", conversationId=str(conversation.pk))["conversation"]
    assert shown["rating"] == 2
    line = Activity.objects.filter(kind=Activity.Kind.RATED).order_by("-position").first()
    assert (line.actor, line.details) == ("Maya A.", {"rating": 2, "comment": "Too slow."})


@pytest.mark.parametrize("status", ["open", "snoozed"])
def test_open_conversation_cannot_be_rated(visitor_client, status):
    end_conversation(status)
    assert visitor_client.call_function("widget:thread")["rating"] is None
    assert rejected_rating(visitor_client, rating=5).code == "INVALID"
    assert Conversation.objects.get().rating is None


def test_rating_is_no_longer_requested_after_a_new_message(visitor_client):
    end_conversation()
    visitor_client.send_message("One more thing")
    assert visitor_client.thread().json()["rating"] is None
    assert rejected_rating(visitor_client, rating=5).code == "INVALID"


def test_only_the_newest_own_conversation_can_be_rated(tenants, visitor_client):
    first = end_conversation("closed")
    visitor_client.send_message("two")
    second = end_conversation()
    other = VisitorClient(tenants.north)
    other.start()
    theirs = end_conversation()
    for wrong in (first.pk, theirs.pk, "x", "0" * 36):
        assert rejected_rating(visitor_client, rating=5, conversationId=str(wrong)).code == "NOT_FOUND"
    assert visitor_client.call_function("widget:rate", rating=5, conversationId=str(second.pk)) == {"ok": True}
    assert list(Conversation.objects.filter(rating__isnull=False)) == [second]


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"rating": 0},
        {"rating": 6},
        {"rating": "5"},
        {"rating": True},
        {"rating": 4.5},
        {"rating": None},
        {"rating": [5]},
        {"rating": 10**30},
        {"comment": "x" * 1_001},
        {"comment": 5},
        {"comment": "a\0b"},
        {"comment": "a\ud800b"},
        {"conversationId": 5},
        {"conversationId": "\0"},
        {"surprise": 1},
    ],
    ids=str,
)
def test_invalid_rating_is_rejected(visitor_client, wrong):
    end_conversation()
    arguments = wrong if "rating" in wrong or not wrong else {"rating": 5} | wrong
    refused = rejected_rating(visitor_client, **arguments)
    assert "Server Error" not in str(refused), refused
    assert Conversation.objects.get().rating is None


def test_comment_of_1000_characters_is_accepted(visitor_client):
    end_conversation()
    visitor_client.call_function("widget:rate", rating=5, comment="x" * 1_000)
    assert len(Conversation.objects.get().rating_comment) == 1_000


def test_token_is_valid_only_for_its_own_widget(tenants, visitor_client):
    end_conversation()
    for wrong in ({"widgetId": tenants.south.widget_id}, {"visitorToken": "a.b.c"}):
        assert rejected_rating(visitor_client, rating=5, **wrong).code == "UNAUTHENTICATED"
    assert visitor_client.call_function("widget:rate", rating=5) == {"ok": True}
