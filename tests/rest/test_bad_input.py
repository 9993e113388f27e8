"""Invalid input gets a 422 that names what is wrong (404 for an id), never a 500, and writes nothing."""

import pytest

from conversations.models import Message
from leads.models import Lead

MESSAGES = "/api/v1/conversations/{conversation}/messages"
CONVERSATION = "/api/v1/conversations/{conversation}"
LEADS = "/api/v1/leads"
LEAD = "/api/v1/leads/{lead}"

BODIES = [  # method, path, raw body, part of the error message
    *(
        (method, path, body, word)
        for method, path in (("post", MESSAGES), ("patch", CONVERSATION), ("post", LEADS), ("patch", LEAD))
        for body, word in (
            (b'{"body":', "JSON"),
            (b"\xff\xfe", "JSON"),
            (b'{"body": NaN}', "JSON"),
            (b'{"body": "\\ud800"}', "JSON"),
            (b'{"name": "\\udfff\\ud800"}', "JSON"),
            (b"[" * 100_000, "JSON"),
            (b'[{"body": "x"}]', "object"),
            (b'"text"', "object"),
            (b"null", "object"),
            (b'{"nonsense": 1}', "nonsense"),
            (b'{"workspaceId": "x", "workspace": "y"}', "workspaceId"),
            (b"x" * 1_100_000, "too long"),
        )
    ),
    ("post", MESSAGES, b"{}", "body"),
    ("post", MESSAGES, b'{"body": null}', "body"),
    ("post", MESSAGES, b'{"body": ""}', "body"),
    ("post", MESSAGES, b'{"body": " \\n\\t "}', "body"),
    ("post", MESSAGES, b'{"body": 5}', "body"),
    ("post", MESSAGES, b'{"body": true}', "body"),
    ("post", MESSAGES, b'{"body": ["x"]}', "body"),
    ("post", MESSAGES, b'{"body": {"x": 1}}', "body"),
    ("post", MESSAGES, b'{"body": "a\\u0000b"}', "body"),
    ("post", MESSAGES, b'{"body": "' + b"x" * 10_001 + b'"}', "body"),
    ("post", MESSAGES, b'{"body": "x", "role": "visitor"}', "role"),
    ("post", MESSAGES, b'{"body": "x", "operatorId": 5}', "operatorId"),
    ("post", MESSAGES, b'{"body": "x", "operatorId": "a\\u0000"}', "operatorId"),
    ("post", MESSAGES, b'{"body": "x", "operatorId": "' + b"x" * 101 + b'"}', "operatorId"),
    ("post", MESSAGES, b'{"body": "x", "operatorId": "01a20301-b4ee-7615-acd9-aeed3ed975ef"}', "operatorId"),
    ("patch", CONVERSATION, b"{}", "status"),
    ("patch", CONVERSATION, b'{"status": "done"}', "status"),
    ("patch", CONVERSATION, b'{"status": null}', "status"),
    ("patch", CONVERSATION, b'{"status": ["open"]}', "status"),
    ("patch", CONVERSATION, b'{"status": "open\\u0000"}', "status"),
    ("patch", CONVERSATION, b'{"status": "open", "snoozedUntil": 4102444800000}', "snoozedUntil"),
    ("patch", CONVERSATION, b'{"status": "snoozed", "snoozedUntil": 1000}', "future"),
    ("patch", CONVERSATION, b'{"status": "snoozed", "snoozedUntil": -1}', "snoozedUntil"),
    ("patch", CONVERSATION, b'{"status": "snoozed", "snoozedUntil": 99999999999999999999999}', "snoozedUntil"),
    ("patch", CONVERSATION, b'{"status": "snoozed", "snoozedUntil": 1e400}', "JSON"),
    ("patch", CONVERSATION, b'{"status": "snoozed", "snoozedUntil": 4102444800000.5}', "snoozedUntil"),
    ("patch", CONVERSATION, b'{"status": "snoozed", "snoozedUntil": true}', "snoozedUntil"),
    ("patch", CONVERSATION, b'{"status": "snoozed", "snoozedUntil": "tomorrow"}', "snoozedUntil"),
    ("patch", CONVERSATION, b'{"status": "snoozed", "snoozedUntil": "4102444800000"}', "snoozedUntil"),
    ("post", LEADS, b'{"email": "maya@acme.com"}', "name"),
    ("post", LEADS, b'{"name": ""}', "name"),
    ("post", LEADS, b'{"name": 7}', "name"),
    ("post", LEADS, b'{"name": "' + b"x" * 201 + b'"}', "name"),
    ("post", LEADS, b'{"name": "a\\u0000"}', "name"),
    ("post", LEADS, b'{"name": "Maya", "email": "no address"}', "email"),
    ("post", LEADS, b'{"name": "Maya", "email": 5}', "email"),
    ("post", LEADS, b'{"name": "Maya", "email": "' + b"x" * 250 + b'@acme.com"}', "email"),
    ("post", LEADS, b'{"name": "Maya", "phone": "' + b"1" * 41 + b'"}', "phone"),
    ("post", LEADS, b'{"name": "Maya", "notes": "' + b"x" * 10_001 + b'"}', "notes"),
    ("post", LEADS, b'{"name": "Maya", "status": "hot"}', "status"),
    ("post", LEADS, b'{"name": "Maya", "brandId": "' + b"x" * 101 + b'"}', "brandId"),
    ("post", LEADS, b'{"name": "Maya", "brandId": 5}', "brandId"),
    ("post", LEADS, b'{"name": "Maya", "conversationId": ["1234"]}', "conversationId"),
    ("patch", LEAD, b"{}", "at least one"),
    ("patch", LEAD, b'{"status": "hot"}', "status"),
    ("patch", LEAD, b'{"name": ""}', "name"),
    ("patch", LEAD, b'{"name": null}', "name"),
    ("patch", LEAD, b'{"email": "maya@acme.com"}', "email"),
]

QUERIES = [
    *(
        (f"/api/v1/{name}?{query}", word)
        for name in ("conversations", "leads")
        for query, word in (
            ("limit=0", "limit"),
            ("limit=101", "limit"),
            ("limit=x", "limit"),
            ("limit=", "limit"),
            ("limit=-1", "limit"),
            ("limit=1.5", "limit"),
            ("limit=5.0", "limit"),
            ("limit=1_0", "limit"),
            ("limit=%D9%A1", "limit"),
            ("updatedSince=1_000", "updatedSince"),
            ("limit=" + "9" * 500, "limit"),
            ("limit=%00", "limit"),
            ("status=done", "status"),
            ("status=open%00", "status"),
            ("status=%ff", "status"),
            ("brandId=", "brandId"),
            ("brandid=x", "brandid"),
            ("limit=5&limit=6", "limit"),
            ("updatedSince=yesterday", "updatedSince"),
            ("updatedSince=-1", "updatedSince"),
            ("updatedSince=" + "9" * 40, "updatedSince"),
            ("cursor=", "cursor"),
            ("cursor=forged", "cursor"),
            ("cursor=W10:aaaa", "cursor"),
            ("cursor=%00", "cursor"),
            ("cursor=" + "x" * 1000, "cursor"),
        )
    ),
    ("/api/v1/messages", "conversationId"),
    ("/api/v1/messages?conversationId=", "conversationId"),
    ("/api/v1/messages?conversationId={conversation}&cursor=forged", "cursor"),
    ("/api/v1/messages?conversationId={conversation}&limit=101", "limit"),
    ("/api/v1/brands?limit=0", "limit"),
    ("/api/v1/brands?cursor=forged", "cursor"),
    ("/api/v1/events?after=forged", "after"),
    ("/api/v1/events?limit=101", "limit"),
    ("/api/v1/events?cursor=x", "cursor"),
    ("/api/v1/ping?verbose=1", "verbose"),
    ("/api/v1/conversations/{conversation}?expand=all", "expand"),
]


def assert_refused(response, word):
    assert response.status_code == 422, (response.status_code, response.content)
    assert set(response.json()) == {"error"}
    assert word in response.json()["error"]
    assert len(response.json()["error"]) < 1000


@pytest.mark.parametrize(("method", "path", "body", "word"), BODIES, ids=lambda value: str(value)[:40])
def test_invalid_bodies_are_refused_and_write_nothing(api_client, conversations, method, path, body, word):
    before = (Message.objects.count(), Lead.objects.count())
    path = path.format(conversation=conversations.north.pk, lead=conversations.north_lead.pk)
    response = api_client.generic(method.upper(), path, body, content_type="application/json")
    assert_refused(response, word)
    assert (Message.objects.count(), Lead.objects.count()) == before


@pytest.mark.parametrize(("path", "word"), QUERIES, ids=lambda value: str(value)[:60])
def test_invalid_query_parameters_are_refused(api_client, conversations, path, word):
    assert_refused(api_client.get(path.format(conversation=conversations.north.pk)), word)


@pytest.mark.parametrize(
    "media_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "a/b", ""]
)
@pytest.mark.parametrize(
    ("method", "path"), [("POST", MESSAGES), ("PATCH", CONVERSATION), ("POST", LEADS), ("PATCH", LEAD)]
)
def test_other_media_types_than_json_are_refused(api_client, conversations, media_type, method, path):
    path = path.format(conversation=conversations.north.pk, lead=conversations.north_lead.pk)
    response = api_client.generic(method, path, b'{"body": "x"}', content_type=media_type)
    assert_refused(response, "Content-Type")
    assert response["X-Error-Code"] == "unsupported_media_type"


@pytest.mark.parametrize(
    ("method", "path"), [("POST", MESSAGES), ("PATCH", CONVERSATION), ("POST", LEADS), ("PATCH", LEAD)]
)
def test_an_empty_body_is_refused(api_client, conversations, method, path):
    path = path.format(conversation=conversations.north.pk, lead=conversations.north_lead.pk)
    assert api_client.generic(method, path, b"", content_type="application/json").status_code == 422


def test_a_media_type_with_a_charset_is_accepted(api_client, conversations):
    path = MESSAGES.format(conversation=conversations.north.pk)
    assert (
        api_client.generic("POST", path, b'{"body": "x"}', content_type="application/json; charset=utf-8").status_code
        == 201
    )


def test_writes_refuse_query_parameters(api_client, conversations):
    path = MESSAGES.format(conversation=conversations.north.pk)
    assert_refused(api_client.post(path + "?dryRun=1", {"body": "x"}), "dryRun")


@pytest.mark.parametrize(
    "bad_id",
    [
        "x",
        "5",
        "null",
        "%00",
        "%ff",
        "..%2f..",
        "' OR 1=1 --",
        "0" * 5000,
        "01a20301-b4ee-7615-acd9-aeed3ed975ef0",
        "%F0%9F%98%80",
    ],
)
def test_a_malformed_id_in_the_path_is_a_404(api_client, conversations, bad_id):
    path = f"/api/v1/conversations/{bad_id}"
    assert api_client.get(path).status_code == 404
    assert api_client.patch(path, {"status": "open"}).status_code == 404
    assert api_client.post(f"/api/v1/conversations/{bad_id}/messages", {"body": "x"}).status_code == 404
    assert api_client.patch(f"/api/v1/leads/{bad_id}", {"status": "won"}).status_code == 404


def test_a_message_of_exactly_the_maximum_length_is_accepted(api_client, conversations):
    path = MESSAGES.format(conversation=conversations.north.pk)
    body = "\N{GRINNING FACE}" * 10_000
    assert api_client.post(path, {"body": body}).status_code == 201
    assert (
        api_client.get(f"/api/v1/messages?conversationId={conversations.north.pk}").json()["messages"][-1]["body"]
        == body
    )


def test_empty_optional_fields_are_stored_as_null(api_client, conversations):
    response = api_client.post(
        LEADS, {"name": "Maya", "email": "", "phone": None, "notes": "", "brandId": None, "conversationId": None}
    )
    assert response.status_code == 201
    lead = api_client.get(LEADS).json()["leads"][0]
    assert [lead[field] for field in ("email", "phone", "notes", "brandId", "conversationId")] == [None] * 5


def test_the_accept_header_is_ignored(api_client, db):
    assert api_client.get("/api/v1/ping", HTTP_ACCEPT="text/html").json()["ok"] is True
    assert api_client.get("/api/v1/ping", HTTP_ACCEPT="nonsense").json()["ok"] is True


def test_a_foreign_host_header_is_refused_as_json(api_client, db):
    response = api_client.get("/api/v1/ping", HTTP_HOST="evil.example")
    assert (response.status_code, set(response.json())) == (400, {"error"})


def test_an_internal_error_reveals_no_details(api_client, db, monkeypatch):
    def broken(*args, **kwargs):
        raise RuntimeError("the password is swordfish")

    monkeypatch.setattr("accounts.api.Ping.parameters", broken)
    response = api_client.get("/api/v1/ping")
    assert (response.status_code, set(response.json())) == (500, {"error"})
    assert b"swordfish" not in response.content
    assert response["X-Request-Id"]
    assert response["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize("bad_id", ["x", "5", "1234-5678"])
def test_a_malformed_id_in_a_query_or_body_is_a_404(api_client, conversations, bad_id):
    for path in ("conversations?brandId=", "leads?brandId=", "messages?conversationId="):
        assert api_client.get(f"/api/v1/{path}{bad_id}").status_code == 404
    for field in ("brandId", "conversationId"):
        assert api_client.post(LEADS, {"name": "Maya", field: bad_id}).status_code == 404
