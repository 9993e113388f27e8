"""Permissions: every route with every kind of key."""

import re
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import URLPattern
from django.utils import timezone

from accounts.operator_tokens import issue_token
from conversations.actions import send_message
from conversations.attachments import stored_upload
from integrations.actions.api_keys import create_key, revoke_key
from integrations.actions.subscriptions import create_webhook, rotate_secret
from integrations.models import WebhookSubscription
from praxtalk.urls import urlpatterns
from tests.conftest import Caller
from tests.sync.live_client import ask_with
from tests.sync.sockets import Failed

READS = {
    "GET ping": "/api/v1/ping",
    "GET brands": "/api/v1/brands",
    "GET conversations": "/api/v1/conversations",
    "GET conversation": "/api/v1/conversations/{conversation}",
    "GET messages": "/api/v1/messages?conversationId={conversation}",
    "GET attachment": "/api/v1/attachments/{attachment}",
    "GET leads": "/api/v1/leads",
    "GET events": "/api/v1/events",
}
WRITES = {
    "PATCH conversation": ("/api/v1/conversations/{conversation}", {"status": "resolved"}, 200),
    "POST message": ("/api/v1/conversations/{conversation}/messages", {"body": "Hi"}, 201),
    "POST lead": ("/api/v1/leads", {"name": "Maya", "conversationId": "{conversation}"}, 201),
    "PATCH lead": ("/api/v1/leads/{lead}", {"status": "won"}, 200),
}
# Webhooks can only be managed, and also read, with write keys. Path, body, status.
WEBHOOK_ROUTES = {
    "GET webhooks": ("/api/v1/webhooks", None, 200),
    "GET webhook": ("/api/v1/webhooks/{webhook}", None, 200),
    "GET deliveries": ("/api/v1/deliveries", None, 200),
    "GET deliveries of one": ("/api/v1/deliveries?webhookId={webhook}", None, 200),
    "GET delivery": ("/api/v1/deliveries/{delivery}", None, 200),
    "GET replay": ("/api/v1/replays/{replay}", None, 200),
    "POST webhook": ("/api/v1/webhooks", {"url": "https://93.184.215.14/", "events": ["lead.created"]}, 201),
    "PATCH webhook": ("/api/v1/webhooks/{webhook}", {"description": "CRM"}, 200),
    "DELETE webhook": ("/api/v1/webhooks/{webhook}", None, 200),
    "POST rotate": ("/api/v1/webhooks/{webhook}/rotate", {}, 200),
    "POST promote": ("/api/v1/webhooks/{webhook}/promote", {}, 200),
    "POST retire": ("/api/v1/webhooks/{webhook}/retire", {}, 200),
    "POST test": ("/api/v1/webhooks/{webhook}/test", {}, 200),
    "POST retry": ("/api/v1/deliveries/{delivery}/retry", {}, 200),
    "POST replay": ("/api/v1/deliveries/replay", {"webhookId": "{webhook}"}, 201),
}
# These routes need a key of the whole workspace.
WORKSPACE_ROUTES = {
    "POST operator session": ("/api/v1/operator-sessions", {"email": "{email}"}, 201),
    "DELETE operator session": ("/api/v1/operator-sessions/{session}", None, 200),
}
TABLE = {**{route: (path, None, 200) for route, path in READS.items()}, **WRITES, **WEBHOOK_ROUTES, **WORKSPACE_ROUTES}
OBJECT_ROUTES = [route for route in TABLE if re.search(r"{\w+}", str(TABLE[route])) and "POST operator" not in route]
BRAND_OBJECT_ROUTES = [route for route in OBJECT_ROUTES if route not in WORKSPACE_ROUTES]


def attachment_of(conversation):
    with stored_upload(conversation.workspace_id, SimpleUploadedFile("a.pdf", b"%PDF-1.7")) as attachment:
        send_message(conversation, role="visitor", body="", channel="widget", attachment=attachment)
    return attachment


@pytest.fixture
def objects(cast, conversations, webhooks):
    """Return a function that returns the objects of a brand by their placeholder in the paths: `objects("north")`."""
    for webhook in (webhooks.north, webhooks.south, webhooks.west):
        rotate_secret(webhook)  # so that there is a secret to promote
    operators = {"north": cast.alice, "south": cast.alice, "west": cast.mallory}
    sessions = {slug: issue_token(operator)[1] for slug, operator in operators.items()}
    return lambda slug: {
        "{email}": SimpleNamespace(pk=operators[slug].email),
        "{session}": sessions[slug],
        "{conversation}": getattr(conversations, slug),
        "{attachment}": attachment_of(getattr(conversations, slug)),
        "{lead}": getattr(conversations, f"{slug}_lead"),
        "{webhook}": getattr(webhooks, slug),
        "{delivery}": getattr(webhooks, f"{slug}_delivery"),
        "{replay}": getattr(webhooks, f"{slug}_replay"),
    }


def call(client, route, objects):
    def fill(text):
        for name, row in objects.items():
            text = text.replace(name, str(row.pk)) if isinstance(text, str) else text
        return text

    path, body, _ = TABLE[route]
    send = getattr(client, route.split()[0].lower())
    return send(fill(path)) if body is None else send(fill(path), {name: fill(value) for name, value in body.items()})


def succeeds(answer, route):
    assert answer.status_code == TABLE[route][2], answer.content
    return True


def is_refused(answer, status, code):
    assert answer.status_code == status, answer.content
    assert set(answer.json()) == {"error"}
    assert answer["X-Error-Code"] == code
    return True


def test_every_route_is_in_the_table():
    routes = set()
    for pattern in urlpatterns:
        if isinstance(pattern, URLPattern) and str(pattern.pattern).startswith("api/v1/"):
            methods = {name for name in ("get", "post", "patch", "delete") if hasattr(pattern.callback.cls, name)}
            routes |= {(name.upper(), re.sub(r"<str:\w+>", "{}", pattern.pattern._route)) for name in methods}
    known = {(route.split()[0], re.sub(r"{\w+}", "{}", TABLE[route][0].split("?")[0].lstrip("/"))) for route in TABLE}
    assert routes - known == {("GET", "api/v1/openapi.json")}  # public


@pytest.mark.parametrize("route", TABLE)
@pytest.mark.parametrize(
    ("header", "code"),
    [
        (None, "not_authenticated"),
        ("Bearer", "malformed_key"),
        ("Basic dXNlcjpwYXNz", "malformed_key"),
        ("Bearer ptk_live_short", "malformed_key"),
        ("Bearer {good}x", "malformed_key"),
        ("Bearer {good},Bearer {good}", "malformed_key"),
        ("Bearer {checksum}", "malformed_key"),
        ("Bearer ptk_live_" + "é" * 42, "malformed_key"),
        ("Bearer {unknown}", "unknown_key"),
        ("Bearer {revoked}", "revoked_key"),
        ("Bearer {expired}", "expired_key"),
    ],
)
def test_every_route_refuses_a_missing_or_invalid_key(cast, objects, route, header, code):
    _, good = create_key(cast.acme, name="good", scope="write")
    unknown_key, unknown = create_key(cast.acme, name="gone", scope="write")
    unknown_key.delete()
    key, revoked = create_key(cast.acme, name="revoked", scope="write")
    assert revoke_key(key)
    _, expired = create_key(cast.acme, name="expired", scope="write", expires_at=timezone.now() - timedelta(seconds=1))
    checksum = good[:-1] + ("a" if good[-1] != "a" else "b")
    client = Caller()
    if header:
        filled = header.format(good=good, unknown=unknown, revoked=revoked, expired=expired, checksum=checksum)
        client.credentials(HTTP_AUTHORIZATION=filled)
    answer = call(client, route, objects("north"))
    assert is_refused(answer, 401, code)
    assert answer["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("route", TABLE)
def test_a_read_key_can_only_read(cast, objects, caller, route):
    answer = call(caller(cast.acme, "read"), route, objects("north"))
    assert succeeds(answer, route) if route in READS else is_refused(answer, 403, "read_only_key")


@pytest.mark.parametrize("route", TABLE)
def test_a_write_key_can_use_every_route(cast, objects, caller, route):
    assert succeeds(call(caller(cast.acme, "write"), route, objects("north")), route)


@pytest.mark.parametrize("route", TABLE)
def test_a_brand_key_can_use_its_own_brand(cast, objects, caller, route):
    answer = call(caller(cast.acme, "write", brand=cast.north), route, objects("north"))
    assert is_refused(answer, 403, "brand_key") if route in WORKSPACE_ROUTES else succeeds(answer, route)


@pytest.mark.parametrize("route", BRAND_OBJECT_ROUTES)
def test_a_brand_key_cannot_use_another_brand(cast, objects, caller, route):
    answer = call(caller(cast.acme, "write", brand=cast.north), route, objects("south"))
    assert is_refused(answer, 403, "other_brand")


@pytest.mark.parametrize("route", OBJECT_ROUTES)
def test_objects_of_another_workspace_are_404(cast, objects, caller, route):
    mallory = caller(cast.globex, "write")
    assert is_refused(call(mallory, route, objects("north")), 404, "not_found")
    assert succeeds(call(mallory, route, objects("west")), route)


@pytest.mark.parametrize("route", BRAND_OBJECT_ROUTES)
def test_a_brand_key_learns_nothing_of_another_workspace(cast, objects, caller, route):
    answer = call(caller(cast.acme, "write", brand=cast.north), route, objects("west"))
    assert is_refused(answer, 404, "not_found")


@pytest.mark.parametrize("name", ["conversations", "leads"])
def test_lists_show_only_the_brand_of_the_key(cast, conversations, caller, name):
    brand_ids = lambda client, query="": {  # noqa: E731
        row["brandId"] for row in client.get(f"/api/v1/{name}{query}").json()[name]
    }
    both = {str(cast.north.pk), str(cast.south.pk)}
    assert brand_ids(caller(cast.acme, "read")) == both
    limited = caller(cast.acme, "read", brand=cast.north)
    assert brand_ids(limited) == {str(cast.north.pk)}
    assert brand_ids(limited, f"?brandId={cast.north.pk}") == {str(cast.north.pk)}
    assert is_refused(limited.get(f"/api/v1/{name}?brandId={cast.south.pk}"), 403, "other_brand")
    assert brand_ids(caller(cast.globex, "read")) == {str(cast.west.pk)}


def test_filtering_by_a_brand_of_another_workspace_is_404(cast, conversations, caller):
    """It is a 404 for every key, whether the key is limited to a brand or not."""
    for client in (caller(cast.acme, "read"), caller(cast.acme, "read", brand=cast.north)):
        for name in ("conversations", "leads"):
            assert is_refused(client.get(f"/api/v1/{name}?brandId={cast.west.pk}"), 404, "not_found")


def test_a_brand_key_sees_only_its_brand_and_events(cast, conversations, caller):
    limited = caller(cast.acme, "read", brand=cast.north)
    assert [brand["slug"] for brand in limited.get("/api/v1/brands").json()["brands"]] == ["north"]
    events = limited.get("/api/v1/events").json()["events"]
    assert {event["brandId"] for event in events} == {str(cast.north.pk)}
    assert {e["brandId"] for e in caller(cast.globex, "read").get("/api/v1/events").json()["events"]} == {
        str(cast.west.pk)
    }


def test_a_lead_cannot_refer_to_another_brand_or_workspace(cast, conversations, caller):
    limited, crm = caller(cast.acme, brand=cast.north), caller(cast.acme)
    create = lambda client, **body: client.post("/api/v1/leads", {"name": "Maya", **body})  # noqa: E731
    assert create(limited, brandId=str(cast.north.pk)).status_code == 201
    assert is_refused(create(limited, brandId=str(cast.south.pk)), 403, "other_brand")
    assert is_refused(create(limited, conversationId=str(conversations.south.pk)), 403, "other_brand")
    assert is_refused(create(crm, brandId=str(cast.west.pk)), 404, "not_found")
    assert is_refused(create(crm, conversationId=str(conversations.west.pk)), 404, "not_found")


def test_a_lead_created_with_a_brand_key_gets_its_brand(cast, caller):
    limited = caller(cast.acme, brand=cast.north)
    limited.post("/api/v1/leads", {"name": "Maya"})
    assert limited.get("/api/v1/leads").json()["leads"][0]["brandId"] == str(cast.north.pk)


def test_a_brand_key_cannot_use_a_lead_without_a_brand(cast, caller, crm):
    lead_id = crm.post("/api/v1/leads", {"name": "Maya"}).json()["leadId"]
    limited = caller(cast.acme, brand=cast.north)
    assert limited.get("/api/v1/leads").json()["leads"] == []
    assert is_refused(limited.patch(f"/api/v1/leads/{lead_id}", {"status": "won"}), 403, "other_brand")
    assert crm.patch(f"/api/v1/leads/{lead_id}", {"status": "won"}).status_code == 200


def test_a_revoked_key_is_refused_at_once(cast, crm):
    assert crm.get("/api/v1/ping").status_code == 200
    revoke_key(crm.key)
    assert is_refused(crm.get("/api/v1/ping"), 401, "revoked_key")


def test_a_key_works_only_from_its_allowed_addresses(cast, caller):
    client = caller(cast.acme, allowed_cidrs=["192.0.2.0/24", "2001:db8::/32"])
    for address in ("192.0.2.7", "::ffff:192.0.2.7", "2001:db8::5"):
        assert client.get("/api/v1/ping", REMOTE_ADDR=address).status_code == 200, address
    for address in ("192.0.3.7", "2001:db9::5", ""):
        assert is_refused(client.get("/api/v1/ping", REMOTE_ADDR=address), 403, "address_not_allowed")


def test_last_use_of_a_key_is_written_at_most_once_a_minute(cast, crm, django_assert_num_queries):
    crm.get("/api/v1/ping")
    crm.key.refresh_from_db()
    first = crm.key.last_used_at
    assert first is not None
    with django_assert_num_queries(1):
        crm.get("/api/v1/ping")
    crm.key.refresh_from_db()
    assert crm.key.last_used_at == first


def test_the_secret_of_a_key_is_stored_as_a_hash_only(cast):
    key, secret = create_key(cast.acme, name="k", scope="read")
    key.refresh_from_db()
    stored = " ".join(str(getattr(key, field.attname)) for field in key._meta.fields)
    assert secret not in stored
    assert secret[13:-4] not in stored
    assert (secret[:9], len(secret), key.prefix, key.last_four) == ("ptk_live_", 51, secret[:13], secret[-4:])


def test_a_brand_key_manages_only_webhooks_of_its_brand(cast, caller, webhooks):
    """A webhook without a brand gets the events of all brands, so a brand key may neither see nor manage it."""
    everything, _ = create_webhook(cast.acme, url="https://93.184.215.14/", events=["lead.created"])
    limited, crm = caller(cast.acme, brand=cast.north), caller(cast.acme)
    ids = lambda client, name, field: {row[field] for row in client.get(f"/api/v1/{name}").json()[name]}  # noqa: E731
    assert ids(limited, "webhooks", "_id") == {str(webhooks.north.pk)}
    assert ids(limited, "deliveries", "webhookId") == {str(webhooks.north.pk)}
    assert ids(crm, "webhooks", "_id") == {str(webhooks.north.pk), str(webhooks.south.pk), str(everything.pk)}
    assert ids(crm, "deliveries", "webhookId") == {str(webhooks.north.pk), str(webhooks.south.pk)}
    assert ids(caller(cast.globex), "deliveries", "webhookId") == {str(webhooks.west.pk)}
    assert is_refused(limited.get(f"/api/v1/webhooks/{everything.pk}"), 403, "other_brand")
    assert is_refused(limited.get(f"/api/v1/webhooks?brandId={cast.south.pk}"), 403, "other_brand")
    new = {"url": "https://93.184.215.14/", "events": ["lead.created"]}
    assert is_refused(limited.post("/api/v1/webhooks", new | {"brandId": str(cast.south.pk)}), 403, "other_brand")
    assert is_refused(crm.post("/api/v1/webhooks", new | {"brandId": str(cast.west.pk)}), 404, "not_found")
    made = limited.post("/api/v1/webhooks", new).json()["webhookId"]
    assert WebhookSubscription.objects.get(pk=made).brand == cast.north


def test_operator_sessions_need_an_operator_of_the_workspace_and_a_valid_lifetime(cast, crm):
    for email in (cast.mallory.email, "nobody@acme.example"):
        answer = crm.post("/api/v1/operator-sessions", {"email": email})
        assert is_refused(answer, 422, "invalid")
    for seconds in (59, 43_201, "60", 1.5, True, 10**30):
        answer = crm.post("/api/v1/operator-sessions", {"email": cast.alice.email, "expiresIn": seconds})
        assert is_refused(answer, 422, "invalid")
    opened = crm.post("/api/v1/operator-sessions", {"email": "ALICE@acme.example", "expiresIn": 60})
    assert set(opened.json()) == {"token", "sessionId", "expiresAt"}
    assert opened["Location"] == f"/api/v1/operator-sessions/{opened.json()['sessionId']}"


def test_operator_tokens_and_api_keys_are_not_interchangeable(cast, crm, conversations):
    token = issue_token(cast.alice)[0]
    assert is_refused(Caller(token).get("/api/v1/ping"), 401, "malformed_key")
    with pytest.raises(Failed, match="UNAUTHENTICATED"):
        ask_with(crm.secret, "conversations:listInbox")
    assert ask_with(token, "conversations:listInbox")
