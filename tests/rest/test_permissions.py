"""Permissions: every route with every kind of key."""

import re
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import URLPattern
from django.utils import timezone

from accounts.actions.operator_tokens import issue_token
from conversations.actions import send_message
from conversations.attachments import stored_upload
from integrations.actions.api_keys import create_key, revoke_key
from integrations.actions.subscriptions import create_webhook, rotate_secret
from integrations.models import WebhookSubscription
from praxtalk.urls import urlpatterns
from tests.conftest import ApiKeyClient
from tests.recorded_rows import digest_of_all_rows, reuse_rows

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
def objects(tenants, conversations, webhooks):
    """Return a function that returns the objects of a brand by their placeholder in the paths: `objects("north")`."""
    added = reuse_rows(make_objects, tenants, conversations, webhooks)
    return lambda slug: {
        "{email}": SimpleNamespace(pk=added.sessions[slug].operator.email),
        "{session}": added.sessions[slug],
        "{conversation}": getattr(conversations, slug),
        "{attachment}": added.attachments[slug],
        "{lead}": getattr(conversations, f"{slug}_lead"),
        "{webhook}": getattr(webhooks, slug),
        "{delivery}": getattr(webhooks, f"{slug}_delivery"),
        "{replay}": getattr(webhooks, f"{slug}_replay"),
    }


def make_objects(tenants, conversations, webhooks):
    slugs = ("north", "south", "west")
    for slug in slugs:
        rotate_secret(getattr(webhooks, slug))  # so that there is a secret to promote
    operators = {"north": tenants.alice, "south": tenants.alice, "west": tenants.mallory}
    return SimpleNamespace(
        sessions={slug: issue_token(operators[slug])[1] for slug in slugs},
        attachments={slug: attachment_of(getattr(conversations, slug)) for slug in slugs},
    )


def call(client, route, objects):
    def fill(text):
        for name, row in objects.items():
            text = text.replace(name, str(row.pk)) if isinstance(text, str) else text
        return text

    path, body, _ = TABLE[route]
    send = getattr(client, route.split()[0].lower())
    return send(fill(path)) if body is None else send(fill(path), {name: fill(value) for name, value in body.items()})


def assert_success(response, route):
    assert response.status_code == TABLE[route][2], response.content


def assert_refused(response, status, code):
    assert response.status_code == status, response.content
    assert set(response.json()) == {"error"}
    assert response["X-Error-Code"] == code


def test_every_route_is_in_the_table():
    routes = set()
    for pattern in urlpatterns:
        if isinstance(pattern, URLPattern) and str(pattern.pattern).startswith("api/v1/"):
            methods = {name for name in ("get", "post", "patch", "delete") if hasattr(pattern.callback.cls, name)}
            routes |= {(name.upper(), re.sub(r"<str:\w+>", "{}", pattern.pattern._route)) for name in methods}
    known = {(route.split()[0], re.sub(r"{\w+}", "{}", TABLE[route][0].split("?")[0].lstrip("/"))) for route in TABLE}
    assert routes - known == {("GET", "api/v1/openapi.json")}  # public


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
def test_every_route_refuses_a_missing_or_invalid_key(tenants, objects, header, code):
    client, of_north = ApiKeyClient(), objects("north")
    if header:
        client.credentials(HTTP_AUTHORIZATION=header.format(**reuse_rows(make_invalid_keys, tenants)))
    before = digest_of_all_rows()
    for route in TABLE:
        response = call(client, route, of_north)
        assert_refused(response, 401, code)
        assert response["WWW-Authenticate"] == "Bearer", route
    assert digest_of_all_rows() == before


def make_invalid_keys(tenants):
    _, good = create_key(tenants.acme, name="good", scope="write")
    unknown_key, unknown = create_key(tenants.acme, name="gone", scope="write")
    unknown_key.delete()
    key, revoked = create_key(tenants.acme, name="revoked", scope="write")
    assert revoke_key(key)
    _, expired = create_key(
        tenants.acme, name="expired", scope="write", expires_at=timezone.now() - timedelta(seconds=1)
    )
    checksum = good[:-1] + ("a" if good[-1] != "a" else "b")
    return {"good": good, "unknown": unknown, "revoked": revoked, "expired": expired, "checksum": checksum}


@pytest.mark.parametrize("route", TABLE)
def test_a_read_key_can_only_read(tenants, objects, api_client_for, route):
    response = call(api_client_for(tenants.acme, "read"), route, objects("north"))
    if route in READS:
        assert_success(response, route)
    else:
        assert_refused(response, 403, "read_only_key")


@pytest.mark.parametrize("route", TABLE)
def test_a_write_key_can_use_every_route(tenants, objects, api_client_for, route):
    assert_success(call(api_client_for(tenants.acme, "write"), route, objects("north")), route)


@pytest.mark.parametrize("route", TABLE)
def test_a_brand_key_can_use_its_own_brand(tenants, objects, api_client_for, route):
    response = call(api_client_for(tenants.acme, "write", brand=tenants.north), route, objects("north"))
    if route in WORKSPACE_ROUTES:
        assert_refused(response, 403, "brand_key")
    else:
        assert_success(response, route)


@pytest.mark.parametrize("route", BRAND_OBJECT_ROUTES)
def test_a_brand_key_cannot_use_another_brand(tenants, objects, api_client_for, route):
    response = call(api_client_for(tenants.acme, "write", brand=tenants.north), route, objects("south"))
    assert_refused(response, 403, "other_brand")


@pytest.mark.parametrize("route", OBJECT_ROUTES)
def test_objects_of_another_workspace_are_404(tenants, objects, api_client_for, route):
    mallory = api_client_for(tenants.globex, "write")
    assert_refused(call(mallory, route, objects("north")), 404, "not_found")
    assert_success(call(mallory, route, objects("west")), route)


@pytest.mark.parametrize("route", BRAND_OBJECT_ROUTES)
def test_a_brand_key_learns_nothing_of_another_workspace(tenants, objects, api_client_for, route):
    response = call(api_client_for(tenants.acme, "write", brand=tenants.north), route, objects("west"))
    assert_refused(response, 404, "not_found")


@pytest.mark.parametrize("name", ["conversations", "leads"])
def test_lists_show_only_the_brand_of_the_key(tenants, conversations, api_client_for, name):
    brand_ids = lambda client, query="": {  # noqa: E731
        row["brandId"] for row in client.get(f"/api/v1/{name}{query}").json()[name]
    }
    both = {str(tenants.north.pk), str(tenants.south.pk)}
    assert brand_ids(api_client_for(tenants.acme, "read")) == both
    limited = api_client_for(tenants.acme, "read", brand=tenants.north)
    assert brand_ids(limited) == {str(tenants.north.pk)}
    assert brand_ids(limited, f"?brandId={tenants.north.pk}") == {str(tenants.north.pk)}
    assert_refused(limited.get(f"/api/v1/{name}?brandId={tenants.south.pk}"), 403, "other_brand")
    assert brand_ids(api_client_for(tenants.globex, "read")) == {str(tenants.west.pk)}


def test_filtering_by_a_brand_of_another_workspace_is_404(tenants, conversations, api_client_for):
    """It is a 404 for every key, whether the key is limited to a brand or not."""
    for client in (api_client_for(tenants.acme, "read"), api_client_for(tenants.acme, "read", brand=tenants.north)):
        for name in ("conversations", "leads"):
            assert_refused(client.get(f"/api/v1/{name}?brandId={tenants.west.pk}"), 404, "not_found")


def test_a_brand_key_sees_only_its_brand_and_events(tenants, conversations, api_client_for):
    limited = api_client_for(tenants.acme, "read", brand=tenants.north)
    assert [brand["slug"] for brand in limited.get("/api/v1/brands").json()["brands"]] == ["north"]
    events = limited.get("/api/v1/events").json()["events"]
    assert {event["brandId"] for event in events} == {str(tenants.north.pk)}
    assert {e["brandId"] for e in api_client_for(tenants.globex, "read").get("/api/v1/events").json()["events"]} == {
        str(tenants.west.pk)
    }


def test_a_lead_cannot_refer_to_another_brand_or_workspace(tenants, conversations, api_client_for):
    limited, api_client = api_client_for(tenants.acme, brand=tenants.north), api_client_for(tenants.acme)
    create = lambda client, **body: client.post("/api/v1/leads", {"name": "Maya", **body})  # noqa: E731
    assert create(limited, brandId=str(tenants.north.pk)).status_code == 201
    assert_refused(create(limited, brandId=str(tenants.south.pk)), 403, "other_brand")
    assert_refused(create(limited, conversationId=str(conversations.south.pk)), 403, "other_brand")
    assert_refused(create(api_client, brandId=str(tenants.west.pk)), 404, "not_found")
    assert_refused(create(api_client, conversationId=str(conversations.west.pk)), 404, "not_found")


def test_a_lead_created_with_a_brand_key_gets_its_brand(tenants, api_client_for):
    limited = api_client_for(tenants.acme, brand=tenants.north)
    limited.post("/api/v1/leads", {"name": "Maya"})
    assert limited.get("/api/v1/leads").json()["leads"][0]["brandId"] == str(tenants.north.pk)


def test_a_brand_key_cannot_use_a_lead_without_a_brand(tenants, api_client_for, api_client):
    lead_id = api_client.post("/api/v1/leads", {"name": "Maya"}).json()["leadId"]
    limited = api_client_for(tenants.acme, brand=tenants.north)
    assert limited.get("/api/v1/leads").json()["leads"] == []
    assert_refused(limited.patch(f"/api/v1/leads/{lead_id}", {"status": "won"}), 403, "other_brand")
    assert api_client.patch(f"/api/v1/leads/{lead_id}", {"status": "won"}).status_code == 200


def test_a_brand_key_manages_only_webhooks_of_its_brand(tenants, api_client_for, webhooks):
    """A webhook without a brand gets the events of all brands, so a brand key may neither see nor manage it."""
    everything, _ = create_webhook(tenants.acme, url="https://93.184.215.14/", events=["lead.created"])
    limited, api_client = api_client_for(tenants.acme, brand=tenants.north), api_client_for(tenants.acme)
    ids = lambda client, name, field: {row[field] for row in client.get(f"/api/v1/{name}").json()[name]}  # noqa: E731
    assert ids(limited, "webhooks", "_id") == {str(webhooks.north.pk)}
    assert ids(limited, "deliveries", "webhookId") == {str(webhooks.north.pk)}
    assert ids(api_client, "webhooks", "_id") == {str(webhooks.north.pk), str(webhooks.south.pk), str(everything.pk)}
    assert ids(api_client, "deliveries", "webhookId") == {str(webhooks.north.pk), str(webhooks.south.pk)}
    assert ids(api_client_for(tenants.globex), "deliveries", "webhookId") == {str(webhooks.west.pk)}
    assert_refused(limited.get(f"/api/v1/webhooks/{everything.pk}"), 403, "other_brand")
    assert_refused(limited.get(f"/api/v1/webhooks?brandId={tenants.south.pk}"), 403, "other_brand")
    new = {"url": "https://93.184.215.14/", "events": ["lead.created"]}
    assert_refused(limited.post("/api/v1/webhooks", new | {"brandId": str(tenants.south.pk)}), 403, "other_brand")
    assert_refused(api_client.post("/api/v1/webhooks", new | {"brandId": str(tenants.west.pk)}), 404, "not_found")
    webhook_id = limited.post("/api/v1/webhooks", new).json()["webhookId"]
    assert WebhookSubscription.objects.get(pk=webhook_id).brand == tenants.north
