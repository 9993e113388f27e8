"""ConvexHttpClient: the same functions as single HTTP requests."""

import pytest

from tests.live.conftest import bodies_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.live]


def test_http_client_runs_queries_and_mutations(convex, scene):
    client = convex.open(scene.url, http=True)
    sent = client.mutate("messages:send", scene.in_conversation(body="by HTTP")).result()
    thread = client.query("messages:list", scene.in_conversation()).result()
    assert bodies_of(thread) == ["Hello?", "by HTTP"]
    assert thread["messages"][-1]["_id"] == sent["messageId"]


def test_mutation_over_http_is_pushed_to_sockets(convex, scene):
    thread = convex.open(scene.url).watch("messages:list", scene.in_conversation())
    thread.until()
    convex.open(scene.url, http=True).mutate("messages:send", scene.in_conversation(body="by HTTP")).result()
    thread.until(lambda value: bodies_of(value)[-1] == "by HTTP", 5)


def test_set_auth_authenticates_http_calls(convex, scene):
    client = convex.open(scene.url, http=True)
    assert client.query("conversations:counts").error()["data"]["code"] == "UNAUTHENTICATED"
    client.authenticate(scene.token)
    assert client.query("conversations:counts").result()["open"] == 1


def test_http_errors_carry_code_and_message(convex, scene):
    client = convex.open(scene.url, http=True)
    foreign = {"sessionToken": scene.token_of(scene.tenants.mallory), "conversationId": scene.id}
    for call in (
        client.query("conversations:get", foreign),
        client.mutate("messages:send", {**foreign, "body": "Hi"}),
    ):
        error = call.error()
        assert (error["kind"], error["data"]["code"]) == ("ConvexError", "NOT_FOUND")
    wrong = client.query("conversations:listInbox", scene.args(colour="blue")).error()
    assert "ArgumentValidationError: " in wrong["message"]
    assert "colour" in wrong["message"]
    for call in (
        client.query("conversations:nothing"),
        client.mutate("messages:list", scene.in_conversation()),
        client.action("messages:send", scene.in_conversation(body="no action")),
    ):
        error = call.error()
        assert "Could not find public function for" in error["message"]
        assert "data" not in error
    assert scene.bodies() == ["Hello?"]


def test_consistent_query_returns_the_value(newest, scene):
    """Use the deprecated consistentQuery, which first requests a timestamp to read at."""
    client = newest.open(scene.url, http=True)
    assert bodies_of(client.query("messages:list", scene.in_conversation(), consistent=True).result()) == ["Hello?"]
