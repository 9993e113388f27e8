"""Watched queries show their first result, and every change immediately, whoever made it."""

import json

import pytest

from tests.live.conftest import bodies_of, last_bodies_are

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.live]

AT_ONCE = 5  # seconds: far below the refresh interval, so only a push can be this fast


def floats(value):
    """Return the JSON value with each number as a float, for comparison as text."""
    if isinstance(value, dict):
        return {key: floats(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [floats(inner) for inner in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def test_first_result_equals_the_rest_response(library, scene):
    client = library.open(scene.url)
    inbox = client.watch("conversations:listInbox", scene.args(status="open"))
    assert inbox.until() == scene.rest("GET", "/conversations?status=open")["conversations"]
    assert [row["_id"] for row in inbox.values[0]] == [scene.id]
    assert client.watch("conversations:listInbox", scene.args(status="closed")).until() == []
    shown = client.query("conversations:get", scene.in_conversation()).result()
    assert scene.rest("GET", f"/conversations/{scene.id}")["conversation"].items() <= shown.items()


def test_every_query_returns_a_result(library, scene):
    client = library.open(scene.url)
    query = lambda name, /, **args: client.query(name, scene.args(**args)).result()  # noqa: E731
    assert {brand["name"] for brand in query("brands:list")} == {"North", "South"}
    assert query("conversations:counts")["open"] == 1
    assert bodies_of(query("messages:list", conversationId=scene.id)) == ["Hello?"]
    assert query("presence:list", conversationId=scene.id) == []
    assert query("leads:list") == []


def test_change_is_pushed_whoever_made_it(library, scene):
    client, other = library.open(scene.url), library.open(scene.url)
    inbox = client.watch("conversations:listInbox", scene.args(status="open"))
    thread = client.watch("messages:list", scene.in_conversation())
    inbox.until(), thread.until()

    def by_another():
        args = {"sessionToken": scene.token_of(scene.tenants.bob), "conversationId": scene.id, "body": "by another"}
        other.mutate("messages:send", args).result()

    writes = {
        "by itself": lambda: client.mutate("messages:send", scene.in_conversation(body="by itself")).result(),
        "by another": by_another,
        "by REST": lambda: scene.send_by_rest("by REST"),
        "by the shell": lambda: scene.send_from_shell("by the shell"),
    }
    for body, write in writes.items():
        write()
        thread.until(last_bodies_are(body), AT_ONCE)
        inbox.until(lambda rows, body=body: rows[0]["preview"] == body, AT_ONCE)
    assert bodies_of(thread.values[-1]) == ["Hello?", *writes]
    assert inbox.errors == thread.errors == []


def test_every_mutation_is_pushed_to_another_client(library, scene):
    client, other = library.open(scene.url), library.open(scene.url)
    shown = other.watch("conversations:get", scene.in_conversation())
    counts = other.watch("conversations:counts", scene.args())
    leads = other.watch("leads:list", scene.args())
    here = other.watch("presence:list", scene.in_conversation())
    assert leads.until() == here.until() == []
    shown.until()
    do = lambda name, /, **args: client.mutate(name, scene.args(**args)).result()  # noqa: E731

    assert do("conversations:assign", conversationId=scene.id, operatorId=str(scene.tenants.alice.pk)) == {"ok": True}
    shown.until(lambda conversation: (conversation["assignee"] or {}).get("name") == "Alice", AT_ONCE)
    counts.until(lambda counted: counted["mine"] == 1, AT_ONCE)
    do("conversations:assign", conversationId=scene.id, operatorId=None)
    shown.until(lambda conversation: conversation["assignee"] is None, AT_ONCE)
    do("conversations:setStatus", conversationId=scene.id, status="resolved")
    shown.until(lambda conversation: conversation["status"] == "resolved", AT_ONCE)
    counts.until(lambda counted: (counted["open"], counted["resolved"]) == (0, 1), AT_ONCE)
    do("presence:touch", conversationId=scene.id, typing=True)
    assert here.until(lambda people: people, AT_ONCE) == [
        {"operatorId": str(scene.tenants.alice.pk), "name": "Alice", "typing": True}
    ]
    lead = do("leads:create", name="Maya A.", email="maya@acme.example")["leadId"]
    leads.until(lambda rows: [row["_id"] for row in rows] == [lead], AT_ONCE)
    do("leads:update", leadId=lead, status="won")
    leads.until(lambda rows: rows[0]["status"] == "won", AT_ONCE)


def test_mutation_resolves_only_after_its_effect_is_in_the_watched_query(npm, scene):
    client = npm.open(scene.url)
    thread = client.watch("messages:list", scene.in_conversation())
    thread.until()
    for body in ("one", "two", "three"):
        client.mutate("messages:send", scene.in_conversation(body=body)).result()
        assert bodies_of(thread.values[-1])[-1] == body


def test_mutations_of_one_client_are_executed_in_order(npm, scene):
    client = npm.open(scene.url)
    bodies = [f"number {n}" for n in range(20)]
    for call in [client.mutate("messages:send", scene.in_conversation(body=body)) for body in bodies]:
        call.result()
    assert scene.bodies() == ["Hello?", *bodies]


def test_optimistic_update_does_not_flicker(npm, scene):
    client = npm.open(scene.url)
    thread = client.watch("messages:list", scene.in_conversation())
    thread.until()
    for n in range(3):
        pending = {"query": "messages:list", "args": scene.in_conversation(), "append": {"body": f"(sending {n})"}}
        client.mutate("messages:send", scene.in_conversation(body=f"real {n}"), optimistic=pending).result()
    assert [bodies_of(value)[1:] for value in thread.changes] == [
        [],
        ["(sending 0)"],
        ["real 0"],
        ["real 0", "(sending 1)"],
        ["real 0", "real 1"],
        ["real 0", "real 1", "(sending 2)"],
        ["real 0", "real 1", "real 2"],
    ]


def test_same_client_message_id_returns_the_same_message(library, scene):
    client = library.open(scene.url)
    first, again = (
        client.mutate("messages:send", scene.in_conversation(body="once", clientMessageId="m-1")).result()
        for _ in range(2)
    )
    assert first == again
    assert scene.bodies() == ["Hello?", "once"]


def test_no_value_arrives_after_unsubscribing(library, scene):
    client = library.open(scene.url)
    left, kept = (
        client.watch("messages:list", scene.in_conversation()),
        client.watch("conversations:get", scene.in_conversation()),
    )
    left.until(), kept.until()
    left.stop()
    library.wait_until_idle()
    scene.send_by_rest("unseen")
    kept.until(last_bodies_are("unseen"), AT_ONCE)
    library.wait_until_idle()
    assert len(left.changes) == 1
    client.watch("messages:list", scene.in_conversation()).until(last_bodies_are("unseen"))


def test_function_can_be_named_in_three_ways(npm, scene):
    client = npm.open(scene.url)
    for spelling in ("string", "reference", "anyApi"):
        thread = client.watch("messages:list", scene.in_conversation(), **{"as": spelling})
        thread.until()
        client.mutate("messages:send", scene.in_conversation(body=spelling), **{"as": spelling}).result()
        assert (
            bodies_of(client.query("messages:list", scene.in_conversation(), **{"as": spelling}).result())[-1]
            == spelling
        )
        thread.until(last_bodies_are(spelling))
        thread.stop()


def test_values_keep_their_types_over_the_wire(library, scene):
    client = library.open(scene.url)
    body = 'Aïcha \N{GRINNING FACE} \u2028 "quoted" \\ <b> $integer \x7f'
    client.mutate("messages:send", scene.in_conversation(body=body)).result()
    shown = client.query("conversations:get", scene.in_conversation()).result()
    assert shown["messages"][-1]["body"] == body
    assert (shown["messageCount"], shown["assignee"], shown["hasMore"]) == (2, None, False)
    assert shown["visitor"]["name"] == "Maya A."
    assert 1.6e12 < shown["createdAt"] < 4e12
    if library.knows_floats:  # JavaScript has one number type; an integer would have arrived as {"$integer": ...}
        assert json.dumps(shown) == json.dumps(floats(shown))


def test_integer_is_accepted_in_every_encoding(library, scene):
    client = library.open(scene.url)
    for limit in (1, {"$integer": "AQAAAAAAAAA="}):
        rows = client.query("conversations:listInbox", scene.args(limit=limit)).result()
        assert [row["_id"] for row in rows] == [scene.id]


def test_invalid_value_for_an_integer_is_rejected(newest, scene):
    client = newest.open(scene.url)
    wrong = {
        "fraction": 1.5,
        "too small": 0,
        "too large": 101,
        "text": "many",
        "null": None,
        "array": [1],
        "largest int64": {"$integer": "/////////38="},
        "not a number": {"$float": "AAAAAAAA+H8="},
        "bytes": {"$bytes": "AQ=="},
    }
    calls = {what: client.query("conversations:listInbox", scene.args(limit=limit)) for what, limit in wrong.items()}
    for what, call in calls.items():
        error = call.error()
        assert "ArgumentValidationError: " in error["message"], what
        assert "limit" in error["message"], what
        assert "data" not in error, what
