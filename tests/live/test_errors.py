"""Failures reach the caller as the documented errors, and the client keeps working."""

import pytest

from praxtalk.core.db.ids import new_id
from tests.live.conftest import last_bodies_are

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.live]

MAX_QUERIES = 64


def can_still_send(client, scene):
    """Send another message with the same client and return whether it is stored."""
    client.mutate("messages:send", scene.in_conversation(body="still here")).result()
    return scene.bodies()[-1] == "still here"


def test_expected_errors_carry_an_error_code(library, scene):
    client, mallory = library.open(scene.url), scene.token_of(scene.tenants.mallory)
    foreign = {"sessionToken": mallory, "conversationId": scene.id}
    unknown = scene.args(conversationId=str(new_id()))
    failed = {
        "a foreign id": client.watch("conversations:get", foreign),
        "an unknown id": client.watch("messages:list", unknown),
        "a query": client.query("conversations:get", foreign),
        "a mutation": client.mutate("messages:send", {**foreign, "body": "Hi"}),
        "another mutation": client.mutate("conversations:setStatus", {**unknown, "status": "open"}),
    }
    for what, call in failed.items():
        error = call.error()
        assert (error["kind"], error["data"]["code"]) == ("ConvexError", "NOT_FOUND"), what
        assert error["data"]["message"], what
    assert scene.bodies() == ["Hello?"]
    assert client.query("conversations:listInbox", {"sessionToken": mallory}).result() == []
    assert can_still_send(client, scene)


def test_operator_of_one_brand_sees_nothing_of_other_brands(library, scene):
    client, bob = library.open(scene.url), scene.token_of(scene.tenants.bob)
    other = {"sessionToken": bob, "brandId": str(scene.tenants.south.pk)}
    assert client.query("conversations:listInbox", other).error()["data"]["code"] in ("FORBIDDEN", "NOT_FOUND")
    north = {"sessionToken": bob, "brandId": str(scene.tenants.north.pk)}
    assert [row["_id"] for row in client.query("conversations:listInbox", north).result()] == [scene.id]


def test_missing_or_invalid_token_is_unauthenticated(newest, scene):
    client = newest.open(scene.url)
    for token in ({}, {"sessionToken": ""}, {"sessionToken": "nonsense"}, {"sessionToken": "a.b.c"}):
        args = {"conversationId": scene.id, **token}
        calls = [
            client.watch("messages:list", args),
            client.query("conversations:get", args),
            client.mutate("messages:send", {**args, "body": "Hi"}),
        ]
        assert [call.error()["data"]["code"] for call in calls] == ["UNAUTHENTICATED"] * 3
    assert can_still_send(client, scene)


def test_api_key_is_not_accepted_as_operator_token(newest, scene):
    error = newest.open(scene.url).query("conversations:listInbox", {"sessionToken": scene.key}).error()
    assert error["data"]["code"] == "UNAUTHENTICATED"


def test_validation_error_names_the_invalid_argument(library, scene):
    client = library.open(scene.url)
    wrong = {
        "colour": client.watch("conversations:listInbox", scene.args(colour="blue")),
        "status": client.query("conversations:listInbox", scene.args(status="asleep")),
        "conversationId": client.watch("messages:list", scene.args()),
        "body": client.mutate("messages:send", scene.in_conversation()),
        "clientMessageId": client.mutate("messages:send", scene.in_conversation(body="Hi", clientMessageId="x" * 65)),
    }
    for argument, call in wrong.items():
        error = call.error()
        assert "ArgumentValidationError: " in error["message"], argument
        assert argument in error["message"]
        assert "data" not in error
    assert can_still_send(client, scene)


def test_unknown_function_error_says_that_it_is_unknown(library, scene):
    client = library.open(scene.url)
    calls = [
        client.watch("conversations:nothing", scene.args()),
        client.query("nothing:at_all", scene.args()),
        client.query("messages:send", scene.in_conversation(body="a mutation")),
        client.mutate("messages:list", scene.in_conversation()),
        client.mutate("messages:nothing", scene.args()),
        client.action("messages:send", scene.in_conversation(body="no action")),
    ]
    for call in calls:
        error = call.error()
        assert "Could not find public function for" in error["message"]
        assert "data" not in error
    assert scene.bodies() == ["Hello?"]
    assert can_still_send(client, scene)


def test_too_large_arguments_are_rejected_and_not_resent(library, scene):
    client = library.open(scene.url)
    error = client.mutate("messages:send", scene.in_conversation(body="x" * 300_000)).error()
    assert error["data"]["code"] == "ARGS_TOO_LARGE"
    error = client.query("conversations:listInbox", scene.args(q="x" * 300_000)).error()
    assert error["data"]["code"] == "ARGS_TOO_LARGE"
    assert can_still_send(client, scene)


def test_only_the_query_above_the_limit_fails(npm, scene):
    client = npm.open(scene.url)
    inboxes = [client.watch("conversations:listInbox", scene.args(limit=n + 1)) for n in range(MAX_QUERIES)]
    for inbox in inboxes:
        inbox.until()
    excess = client.watch("messages:list", scene.in_conversation())
    assert excess.error()["data"]["code"] == "TOO_MANY_QUERIES"
    scene.send_by_rest("pushed")
    for inbox in inboxes:
        inbox.until(lambda rows: rows[0]["preview"] == "pushed")
    excess.stop()
    inboxes.pop().stop()
    client.watch("messages:list", scene.in_conversation(), **{"as": "anyApi"}).until(last_bodies_are("pushed"))
    assert can_still_send(client, scene)
