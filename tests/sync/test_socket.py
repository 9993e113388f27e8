"""The WebSocket of one client: its results, limits, tokens and closing codes."""

import json

import pytest

from accounts.actions.operator_tokens import issue_token, revoke_token
from conversations.models import Conversation, Message
from praxtalk.core.live.topics import publish_on_commit
from tests.conftest import make_conversation
from tests.sync.sockets import RequestFailed, Socket

pytestmark = [pytest.mark.live, pytest.mark.django_db(transaction=True)]


def test_a_mutation_updates_a_watched_query_before_it_returns(tenants, conversations, tokens, connect):
    socket = connect(tokens.alice)
    inbox = socket.watch("conversations:listInbox", status="open")
    assert {row["_id"] for row in socket.value(inbox)} == {str(conversations.north.pk), str(conversations.south.pk)}
    result = socket.mutate("messages:send", conversationId=str(conversations.north.pk), body="Hello")
    assert socket.value(inbox)[0]["preview"] == "Hello"  # the query is up to date before the mutation returns
    message = Message.objects.get(pk=result["messageId"])
    assert (message.author, message.role, message.channel) == (tenants.alice, "operator", "api")


def test_changes_by_others_are_pushed(tenants, conversations, tokens, connect):
    here, there = connect(tokens.alice), connect(tokens.bob)
    inbox = here.watch("conversations:listInbox")
    there.mutate("messages:send", conversationId=str(conversations.north.pk), body="From Bob")
    here.receive_until(lambda: here.value(inbox)[0]["preview"] == "From Bob")
    make_conversation(tenants.south, body="From the shell")
    here.receive_until(lambda: here.value(inbox)[0]["preview"] == "From the shell")


def test_a_burst_of_changes_is_sent_in_few_frames_and_ends_with_the_last(conversations, tokens, connect):
    watcher = connect(tokens.alice)
    inbox = watcher.watch("conversations:listInbox")
    before = len(watcher.frames)
    for index in range(30):
        Conversation.objects.filter(pk=conversations.south.pk).update(preview=f"Message {index}")
        publish_on_commit(*conversations.south.topics)
    watcher.receive_until(lambda: watcher.value(inbox)[0]["preview"] == "Message 29")
    assert len(watcher.frames) - before < 25


@pytest.mark.parametrize("path", ["/api/1.48.0/sync", "/api/sync", "/api/praxtalk-1/sync", "//api/1.48.0/sync"])
def test_the_paths_of_all_clients_are_accepted(tokens, connect, conversations, path):
    assert len(connect(tokens.alice, path=path).query_once("brands:list")) == 2


@pytest.mark.parametrize(
    "frame",
    [
        "not json",
        '{"type":"Connect","sessionId":"again"}',
        '{"type":"ModifyQuerySet","baseVersion":7,"newVersion":8,"modifications":[]}',
        '{"type":"ModifyQuerySet","baseVersion":1,"newVersion":2,"modifications":[{"type":"Remove","queryId":5}]}',
        '{"type":"Authenticate","baseVersion":3,"tokenType":"None"}',
    ],
)
def test_an_invalid_frame_closes_the_socket_with_4400(tokens, connect, frame):
    socket = connect(tokens.alice)
    socket.send_text(frame)
    assert socket.closing_code() == 4400


def test_a_binary_frame_closes_the_socket_with_4400(connect):
    socket = connect()
    socket.send_text(b"\x00\xff")
    assert socket.closing_code() == 4400


def test_an_invalid_socket_token_is_an_auth_error(connect, tokens, tenants):
    for bad in ("nonsense", "", tokens.alice[:-4] + "AAAA", tokens.alice + "é"):
        socket = connect()
        socket.send(type="Authenticate", baseVersion=0, tokenType="User", value=bad)
        assert socket.closing_code() == 4401
        assert socket.frames[-1]["type"] == "AuthError"
        assert socket.frames[-1]["baseVersion"] == 0


def test_the_socket_token_can_be_set_changed_and_cleared(connect, tokens, conversations):
    socket = connect()
    query = socket.watch("conversations:listInbox")
    with pytest.raises(RequestFailed, match="UNAUTHENTICATED"):
        socket.value(query)
    socket.authenticate(tokens.bob)
    socket.receive_until(lambda: not isinstance(socket.values[query], RequestFailed))
    assert [row["_id"] for row in socket.value(query)] == [str(conversations.north.pk)]
    socket.authenticate(tokens.alice)
    socket.receive_until(lambda: len(socket.value(query)) == 2)
    socket.authenticate(None)
    socket.receive_until(lambda: isinstance(socket.values[query], RequestFailed))
    with pytest.raises(RequestFailed, match="UNAUTHENTICATED"):
        socket.mutate("presence:touch", conversationId=str(conversations.north.pk))


def test_arguments_that_are_too_large_are_refused_without_closing_the_socket(connect, tokens, conversations):
    socket = connect(tokens.alice)
    for size in (300_000, 1_500_000, 4_000_000):
        with pytest.raises(RequestFailed) as refused:
            socket.mutate("messages:send", conversationId=str(conversations.north.pk), body="x" * size)
        assert refused.value.code == "ARGS_TOO_LARGE"
    with pytest.raises(RequestFailed) as refused:
        socket.query_once("conversations:listInbox", q="x" * 300_000)
    assert refused.value.code == "ARGS_TOO_LARGE"
    assert socket.query_once("brands:list")


def test_the_65th_query_is_refused_and_the_others_go_on(connect, tokens, conversations):
    socket = connect(tokens.alice)
    queries = [socket.add("conversations:listInbox", limit=1 + index) for index in range(65)]
    socket.receive_until(lambda: all(query in socket.values for query in queries))
    assert [isinstance(socket.values[query], RequestFailed) for query in queries] == [False] * 64 + [True]
    assert socket.values[queries[-1]].code == "TOO_MANY_QUERIES"
    socket.remove(queries[0])
    assert socket.query_once("brands:list")


def test_too_many_messages_close_the_socket_with_4503_after_running_the_earlier_ones(connect, tokens, conversations):
    socket = connect(tokens.alice)
    requests = [
        socket.send_mutation("messages:send", conversationId=str(conversations.north.pk), body=f"Message {index}")
        for index in range(150)
    ]
    assert socket.closing_code(30) == 4503
    done = [request for request in requests if request in socket.responses]
    assert 110 <= len(done) < 130
    assert done == requests[: len(done)]
    assert Message.objects.filter(body__startswith="Message ").count() == len(done)


def test_the_21st_socket_of_a_session_is_refused(tenants, server, connect, conversations):
    token = issue_token(tenants.alice)[0]
    sockets = [connect(token) for _ in range(20)]
    for socket in sockets:
        socket.watch("brands:list")
    late = connect(token)
    query = late.watch("brands:list")
    assert late.values[query].code == "TOO_MANY_CONNECTIONS"
    with pytest.raises(RequestFailed) as refused:
        late.mutate("messages:send", conversationId=str(conversations.north.pk), body="Hi")
    assert refused.value.code == "TOO_MANY_CONNECTIONS"
    assert connect(issue_token(tenants.alice)[0]).query_once("brands:list")  # another session of Alice
    sockets[0].__exit__()
    late.receive_until(lambda: not isinstance(late.values[query], RequestFailed))  # without the client asking again


@pytest.mark.slow
def test_the_101st_socket_of_an_address_is_refused(tenants, connect):
    held = [issue_token(tenants.alice)[0] for _ in range(5)]
    for index in range(100):
        connect(held[index // 20], address="203.0.113.9").watch("brands:list")
    token = issue_token(tenants.alice)[0]
    late = connect(token, address="203.0.113.9")
    query = late.watch("brands:list")
    assert late.values[query].code == "TOO_MANY_CONNECTIONS"
    assert connect(token, address="203.0.113.10").query_once("brands:list")


def test_a_failing_query_delays_no_other(connect, tokens, conversations):
    """An unknown function, invalid arguments and a refused token fail only the query itself."""
    socket = connect(tokens.alice)
    wrong = [
        socket.add("no:such"),
        socket.add("messages:send", body="Hi"),
        socket.add("conversations:listInbox", colour="red"),
        socket.add("conversations:listInbox", limit="many"),
        socket.add("brands:list", token="nonsense"),
    ]
    right = socket.add("brands:list")
    socket.receive_until(lambda: all(query in socket.values for query in [*wrong, right]))
    assert len(socket.value(right)) == 2
    messages = [socket.values[query].message for query in wrong]
    assert messages[0].startswith("Could not find public function for 'no:such'")
    assert messages[1].startswith("Could not find public function for 'messages:send'")
    assert messages[2].startswith("ArgumentValidationError: colour: Unknown field")
    assert messages[3].startswith("ArgumentValidationError: limit:")
    assert socket.values[wrong[4]].code == "UNAUTHENTICATED"


def test_function_names_and_tokens_of_any_length_get_a_response(connect, tokens):
    socket = connect(tokens.alice)
    query = socket.watch("x" * 100_000)
    assert socket.values[query].message.startswith("Could not find public function")
    with pytest.raises(RequestFailed, match="Could not find public function"):
        socket.mutate("x:y" * 10_000)
    long = connect()
    long.send(type="Authenticate", baseVersion=0, tokenType="User", value="x" * 100_000)
    assert long.closing_code() == 4401
    assert long.frames[-1]["type"] == "AuthError"


def test_an_action_is_refused_without_closing_the_socket(connect, tokens):
    socket = connect(tokens.alice)
    socket.send(type="Action", requestId=0, udfPath="messages:send", args=[{}])
    socket.receive_until(lambda: any(frame["type"] == "ActionResponse" for frame in socket.frames))
    assert [frame["success"] for frame in socket.frames if frame["type"] == "ActionResponse"] == [False]
    assert socket.query_once("brands:list")


def test_a_resent_mutation_happens_once(tenants, server, tokens, conversations):
    with Socket(server.url, tokens.alice) as first:
        result = first.mutate("messages:send", conversationId=str(conversations.north.pk), body="MutationId")
        session = first.session_id
    fresh = issue_token(tenants.alice)[0]  # as of a client whose token was renewed in between
    with Socket(server.url, fresh, session_id=session) as second:
        again = second.mutate(
            "messages:send", request_id=0, conversationId=str(conversations.north.pk), body="MutationId"
        )
        assert again == result
    with Socket(server.url, fresh, session_id=session) as third:
        with pytest.raises(RequestFailed) as refused:
            third.mutate("messages:send", request_id=0, conversationId=str(conversations.north.pk), body="Other")
        assert refused.value.code == "INVALID"
    with Socket(server.url, tokens.bob, session_id=session) as somebody_else:
        somebody_else.mutate(
            "messages:send", request_id=0, conversationId=str(conversations.north.pk), body="MutationId"
        )
    assert Message.objects.filter(body="MutationId").count() == 2


def test_a_resent_mutation_is_answered_after_its_token_was_revoked(tenants, server, conversations):
    token, session = issue_token(tenants.alice)
    arguments = {"conversationId": str(conversations.north.pk), "body": "MutationId"}
    with Socket(server.url, token) as first:
        result = first.mutate("messages:send", **arguments)
    revoke_token(session)
    with Socket(server.url, token, session_id=first.session_id) as again:
        assert again.mutate("messages:send", request_id=0, **arguments) == result
    with Socket(server.url, token, session_id=first.session_id) as other, pytest.raises(RequestFailed) as refused:
        other.mutate("messages:send", request_id=1, **arguments)
    assert refused.value.code == "UNAUTHENTICATED"
    assert Message.objects.filter(body="MutationId").count() == 1


def test_mutations_of_a_socket_run_in_order(connect, tokens, conversations):
    socket = connect(tokens.alice)
    requests = [
        socket.send_mutation("messages:send", conversationId=str(conversations.north.pk), body=str(index))
        for index in range(20)
    ]
    for request in requests:
        socket.wait_for_mutation(request)
    bodies = (
        Message.objects.filter(conversation=conversations.north).order_by("position").values_list("body", flat=True)
    )
    assert list(bodies)[-20:] == [str(index) for index in range(20)]


def test_nul_bytes_and_lone_surrogates_get_a_clear_error(connect, tokens, conversations):
    socket = connect(tokens.alice)
    with pytest.raises(RequestFailed, match="ArgumentValidationError: body"):
        socket.mutate("messages:send", conversationId=str(conversations.north.pk), body="a\x00b")
    with pytest.raises(RequestFailed, match="ArgumentValidationError: conversationId"):
        socket.mutate("messages:send", conversationId="\x00", body="Hi")
    args = json.dumps(
        [{"sessionToken": tokens.alice, "conversationId": str(conversations.north.pk), "body": "SURROGATE"}]
    )
    frame = f'{{"type":"Mutation","requestId":9,"udfPath":"messages:send","args":{args}}}'
    socket.send_text(frame.replace("SURROGATE", "\\ud800"))
    socket.receive_until(lambda: 9 in socket.responses)
    assert socket.responses[9]["result"].startswith("ArgumentValidationError")
    for depth in (100, 500):
        deep = frame.replace('"SURROGATE"', "[" * depth + "]" * depth).replace('"requestId":9', '"requestId":10')
        socket.send_text(deep)
        socket.receive_until(lambda: 10 in socket.responses)
        assert socket.responses.pop(10)["result"].startswith("ArgumentValidationError")
    assert socket.mutate("messages:send", conversationId=str(conversations.north.pk), body="Fine")
    socket.send_text(frame.replace('"SURROGATE"', "[" * 5000 + "]" * 5000))  # too deep to be parsed at all
    assert socket.closing_code() == 4400
