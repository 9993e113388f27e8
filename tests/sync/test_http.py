"""POST /api/query and the other HTTP endpoints, which call the same functions without a WebSocket."""

import json

import pytest
from django.test import Client
from django.utils import timezone

from accounts.actions.operator_tokens import issue_token
from conversations.models import Message

pytestmark = pytest.mark.django_db


def post(path, body, token=None, address="198.51.100.7"):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    data = body if isinstance(body, str | bytes) else json.dumps(body)
    return Client().post(path, data, "application/json", headers=headers, REMOTE_ADDR=address)


@pytest.mark.parametrize("form", [lambda args: args, lambda args: [args]])
@pytest.mark.parametrize("path", ["/api/query", "/api/query_at_ts"])
def test_a_query_accepts_the_token_in_its_arguments_or_in_the_header(tenants, conversations, form, path):
    token = issue_token(tenants.bob)[0]
    in_arguments = post(path, {"path": "conversations:listInbox", "args": form({"sessionToken": token})})
    in_header = post(path, {"path": "conversations:listInbox", "args": form({}), "format": "json"}, token)
    assert in_arguments.content == in_header.content
    response = in_arguments.json()
    assert response["status"] == "success"
    assert [row["_id"] for row in response["value"]] == [str(conversations.north.pk)]
    assert in_header["Access-Control-Allow-Origin"] == "*"
    assert in_header["Cache-Control"] == "no-store"


def test_mutations_check_scope_and_arguments(tenants, conversations):
    def send(operator, **arguments):
        return post("/api/mutation", {"path": "messages:send", "args": arguments}, issue_token(operator)[0]).json()

    south = {"conversationId": str(conversations.south.pk), "body": "Hi"}
    for stranger in (tenants.bob, tenants.mallory):
        response = send(stranger, **south)
        assert (response["status"], response["errorData"]["code"]) == ("error", "NOT_FOUND")
    assert send(tenants.alice, **south)["status"] == "success"
    assert send(tenants.alice, **south, colour="red")["errorMessage"].startswith("ArgumentValidationError: colour")
    assert Message.objects.filter(body="Hi").count() == 1


def test_a_function_called_as_the_wrong_kind_is_not_found(tenants, conversations):
    token = issue_token(tenants.alice)[0]
    for path, name in (
        ("/api/query", "messages:send"),
        ("/api/mutation", "brands:list"),
        ("/api/action", "brands:list"),
        ("/api/query", "no:such"),
    ):
        response = post(path, {"path": name, "args": {}}, token).json()
        assert response["errorMessage"].startswith("Could not find public function")
        assert "errorData" not in response


@pytest.mark.parametrize(
    "body", ["", "no json", "[]", "{}", '{"path": 5}', "null", b"\xff", '{"path":"a:b","args":"\\ud800"}']
)
def test_an_invalid_request_is_a_400_in_the_form_that_clients_expect(body):
    response = post("/api/query", body)
    assert response.status_code == 400
    assert set(response.json()) == {"code", "message"}


def test_a_body_that_is_too_large_is_refused():
    response = post("/api/query", {"path": "brands:list", "args": {"q": "x" * 1_200_000}})
    assert response.status_code == 400
    assert response.json()["code"] == "TooLarge"


def test_anonymous_calls_count_towards_the_ip_limit(tenants, settings, time_machine):
    time_machine.move_to(timezone.now(), tick=False)  # so that the calls fall into one minute
    settings.RATE_LIMIT_IP = 3
    address = "198.51.100.99"
    statuses = [post("/api/query", {"path": "brands:list"}, address=address).status_code for _ in range(5)]
    assert statuses == [200, 200, 200, 429, 429]
    refused = post("/api/query", {"path": "brands:list"}, address=address)
    assert int(refused["Retry-After"]) >= 1
    assert set(refused.json()) == {"code", "message"}
    assert (
        post("/api/query", {"path": "brands:list"}, issue_token(tenants.alice)[0], address).json()["status"]
        == "success"
    )


def test_an_operators_mutations_have_the_limit_of_a_write_key(tenants, conversations, settings, time_machine):
    time_machine.move_to(timezone.now(), tick=False)  # so that the calls fall into one minute
    settings.RATE_LIMIT_WRITE_KEY = 2
    body = {"path": "messages:send", "args": {"conversationId": str(conversations.north.pk), "body": "Hi"}}
    # Each call has another token: the limit applies to the operator.
    responses = [post("/api/mutation", body, issue_token(tenants.alice)[0]).json() for _ in range(3)]
    assert [response["status"] for response in responses] == ["success", "success", "error"]
    assert responses[2]["errorData"]["code"] == "RATE_LIMITED"
    assert 1 <= responses[2]["errorData"]["retryAfter"] <= 61
    assert post("/api/mutation", body, issue_token(tenants.bob)[0]).json()["status"] == "success"


def test_browsers_may_call_from_any_origin():
    preflight = Client().options("/api/query")
    assert preflight.status_code == 204
    assert {"authorization", "content-type", "convex-client"} <= {
        name.strip().lower() for name in preflight["Access-Control-Allow-Headers"].split(",")
    }


def test_query_ts_returns_a_timestamp():
    assert len(post("/api/query_ts", {}).json()["ts"]) == 12


def test_an_internal_error_reveals_only_a_request_id(tenants, conversations, monkeypatch):
    def broken(*_):
        raise RuntimeError("a secret")

    monkeypatch.setattr("conversations.live.lists.count_views", broken)
    response = post("/api/query", {"path": "conversations:counts"}, issue_token(tenants.alice)[0]).json()
    assert response["errorMessage"].startswith("[Request ID: ")
    assert response["errorMessage"].endswith("] Server Error")
    assert "secret" not in str(response)
