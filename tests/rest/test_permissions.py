"""The permission table: every route with every kind of key."""

import re
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import URLPattern
from django.utils import timezone

from accounts.operator_tokens import issue_token
from conversations.actions import send_message
from conversations.attachments import kept
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
# Webhooks are managed with write keys: reading too. Path, body, status.
MANAGES = {
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
# Only keys of the whole workspace.
WHOLE = {
    "POST operator session": ("/api/v1/operator-sessions", {"email": "{email}"}, 201),
    "DELETE operator session": ("/api/v1/operator-sessions/{session}", None, 200),
}
TABLE = {**{route: (path, None, 200) for route, path in READS.items()}, **WRITES, **MANAGES, **WHOLE}
ABOUT_ONE_OBJECT = [route for route in TABLE if re.search(r"{\w+}", str(TABLE[route])) and "POST operator" not in route]
OF_ONE_BRAND = [route for route in ABOUT_ONE_OBJECT if route not in WHOLE]


def attachment_of(conversation):
    with kept(conversation.workspace_id, SimpleUploadedFile("a.pdf", b"%PDF-1.7")) as attachment:
        send_message(conversation, role="visitor", body="", channel="widget", attachment=attachment)
    return attachment


@pytest.fixture
def things(cast, talks, hooks):
    """things("north"): what the paths name, of this brand."""
    for webhook in (hooks.north, hooks.south, hooks.west):
        rotate_secret(webhook)  # so that there is something to promote
    operators = {"north": cast.alice, "south": cast.alice, "west": cast.mallory}
    sessions = {slug: issue_token(operator)[1] for slug, operator in operators.items()}
    return lambda slug: {
        "{email}": SimpleNamespace(pk=operators[slug].email),
        "{session}": sessions[slug],
        "{conversation}": getattr(talks, slug),
        "{attachment}": attachment_of(getattr(talks, slug)),
        "{lead}": getattr(talks, f"{slug}_lead"),
        "{webhook}": getattr(hooks, slug),
        "{delivery}": getattr(hooks, f"{slug}_delivery"),
        "{replay}": getattr(hooks, f"{slug}_replay"),
    }


def call(client, route, things):
    def fill(text):
        for name, row in things.items():
            text = text.replace(name, str(row.pk)) if isinstance(text, str) else text
        return text

    path, body, _ = TABLE[route]
    send = getattr(client, route.split()[0].lower())
    return send(fill(path)) if body is None else send(fill(path), {name: fill(value) for name, value in body.items()})


def done(answer, route):
    assert answer.status_code == TABLE[route][2], answer.content
    return True


def refused(answer, status, code):
    assert answer.status_code == status, answer.content
    assert set(answer.json()) == {"error"}
    assert answer["X-Error-Code"] == code
    return True


def test_the_table_holds_every_route():
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
def test_without_a_valid_key(cast, things, route, header, code):
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
    answer = call(client, route, things("north"))
    assert refused(answer, 401, code)
    assert answer["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("route", TABLE)
def test_read_key(cast, things, caller, route):
    answer = call(caller(cast.acme, "read"), route, things("north"))
    assert done(answer, route) if route in READS else refused(answer, 403, "read_only_key")


@pytest.mark.parametrize("route", TABLE)
def test_write_key(cast, things, caller, route):
    assert done(call(caller(cast.acme, "write"), route, things("north")), route)


@pytest.mark.parametrize("route", TABLE)
def test_brand_key_on_its_brand(cast, things, caller, route):
    answer = call(caller(cast.acme, "write", brand=cast.north), route, things("north"))
    assert refused(answer, 403, "brand_key") if route in WHOLE else done(answer, route)


@pytest.mark.parametrize("route", OF_ONE_BRAND)
def test_brand_key_on_another_brand(cast, things, caller, route):
    answer = call(caller(cast.acme, "write", brand=cast.north), route, things("south"))
    assert refused(answer, 403, "other_brand")


@pytest.mark.parametrize("route", ABOUT_ONE_OBJECT)
def test_another_workspace(cast, things, caller, route):
    mallory = caller(cast.globex, "write")
    assert refused(call(mallory, route, things("north")), 404, "not_found")
    assert done(call(mallory, route, things("west")), route)


@pytest.mark.parametrize("route", OF_ONE_BRAND)
def test_brand_key_on_another_workspace_tells_nothing(cast, things, caller, route):
    answer = call(caller(cast.acme, "write", brand=cast.north), route, things("west"))
    assert refused(answer, 404, "not_found")


@pytest.mark.parametrize("name", ["conversations", "leads"])
def test_lists_show_the_keys_brand_only(cast, talks, caller, name):
    brand_ids = lambda client, query="": {  # noqa: E731
        row["brandId"] for row in client.get(f"/api/v1/{name}{query}").json()[name]
    }
    both = {str(cast.north.pk), str(cast.south.pk)}
    assert brand_ids(caller(cast.acme, "read")) == both
    limited = caller(cast.acme, "read", brand=cast.north)
    assert brand_ids(limited) == {str(cast.north.pk)}
    assert brand_ids(limited, f"?brandId={cast.north.pk}") == {str(cast.north.pk)}
    assert refused(limited.get(f"/api/v1/{name}?brandId={cast.south.pk}"), 403, "other_brand")
    assert brand_ids(caller(cast.globex, "read")) == {str(cast.west.pk)}


def test_lists_with_a_foreign_brand(cast, talks, caller):
    """Another workspace's brand is no brand here: 404, whatever the key's own brand."""
    for client in (caller(cast.acme, "read"), caller(cast.acme, "read", brand=cast.north)):
        for name in ("conversations", "leads"):
            assert refused(client.get(f"/api/v1/{name}?brandId={cast.west.pk}"), 404, "not_found")


def test_brands_and_events_of_a_brand_key(cast, talks, caller):
    limited = caller(cast.acme, "read", brand=cast.north)
    assert [brand["slug"] for brand in limited.get("/api/v1/brands").json()["brands"]] == ["north"]
    events = limited.get("/api/v1/events").json()["events"]
    assert {event["brandId"] for event in events} == {str(cast.north.pk)}
    assert {e["brandId"] for e in caller(cast.globex, "read").get("/api/v1/events").json()["events"]} == {
        str(cast.west.pk)
    }


def test_lead_references_in_another_brand_or_workspace(cast, talks, caller):
    limited, crm = caller(cast.acme, brand=cast.north), caller(cast.acme)
    create = lambda client, **body: client.post("/api/v1/leads", {"name": "Maya", **body})  # noqa: E731
    assert create(limited, brandId=str(cast.north.pk)).status_code == 201
    assert refused(create(limited, brandId=str(cast.south.pk)), 403, "other_brand")
    assert refused(create(limited, conversationId=str(talks.south.pk)), 403, "other_brand")
    assert refused(create(crm, brandId=str(cast.west.pk)), 404, "not_found")
    assert refused(create(crm, conversationId=str(talks.west.pk)), 404, "not_found")


def test_brand_key_gives_its_brand_to_a_lead(cast, caller):
    limited = caller(cast.acme, brand=cast.north)
    limited.post("/api/v1/leads", {"name": "Maya"})
    assert limited.get("/api/v1/leads").json()["leads"][0]["brandId"] == str(cast.north.pk)


def test_brandless_lead_is_not_a_brand_keys(cast, caller, crm):
    lead_id = crm.post("/api/v1/leads", {"name": "Maya"}).json()["leadId"]
    limited = caller(cast.acme, brand=cast.north)
    assert limited.get("/api/v1/leads").json()["leads"] == []
    assert refused(limited.patch(f"/api/v1/leads/{lead_id}", {"status": "won"}), 403, "other_brand")
    assert crm.patch(f"/api/v1/leads/{lead_id}", {"status": "won"}).status_code == 200


def test_revocation_counts_at_once(cast, crm):
    assert crm.get("/api/v1/ping").status_code == 200
    revoke_key(crm.key)
    assert refused(crm.get("/api/v1/ping"), 401, "revoked_key")


def test_allowlist(cast, caller):
    client = caller(cast.acme, allowed_cidrs=["192.0.2.0/24", "2001:db8::/32"])
    for address in ("192.0.2.7", "::ffff:192.0.2.7", "2001:db8::5"):
        assert client.get("/api/v1/ping", REMOTE_ADDR=address).status_code == 200, address
    for address in ("192.0.3.7", "2001:db9::5", ""):
        assert refused(client.get("/api/v1/ping", REMOTE_ADDR=address), 403, "address_not_allowed")


def test_last_used_is_written_once_a_minute(cast, crm, django_assert_num_queries):
    crm.get("/api/v1/ping")
    crm.key.refresh_from_db()
    first = crm.key.last_used_at
    assert first is not None
    with django_assert_num_queries(1):
        crm.get("/api/v1/ping")
    crm.key.refresh_from_db()
    assert crm.key.last_used_at == first


def test_a_secret_is_stored_as_a_hash_only(cast):
    key, secret = create_key(cast.acme, name="k", scope="read")
    key.refresh_from_db()
    stored = " ".join(str(getattr(key, field.attname)) for field in key._meta.fields)
    assert secret not in stored
    assert secret[13:-4] not in stored
    assert (secret[:9], len(secret), key.prefix, key.last_four) == ("ptk_live_", 51, secret[:13], secret[-4:])


def test_webhooks_and_deliveries_of_a_brand_key(cast, caller, hooks):
    """A webhook without a brand gets every brand's events: it is not a brand key's to see or manage."""
    everything, _ = create_webhook(cast.acme, url="https://93.184.215.14/", events=["lead.created"])
    limited, crm = caller(cast.acme, brand=cast.north), caller(cast.acme)
    ids = lambda client, name, field: {row[field] for row in client.get(f"/api/v1/{name}").json()[name]}  # noqa: E731
    assert ids(limited, "webhooks", "_id") == {str(hooks.north.pk)}
    assert ids(limited, "deliveries", "webhookId") == {str(hooks.north.pk)}
    assert ids(crm, "webhooks", "_id") == {str(hooks.north.pk), str(hooks.south.pk), str(everything.pk)}
    assert ids(crm, "deliveries", "webhookId") == {str(hooks.north.pk), str(hooks.south.pk)}
    assert ids(caller(cast.globex), "deliveries", "webhookId") == {str(hooks.west.pk)}
    assert refused(limited.get(f"/api/v1/webhooks/{everything.pk}"), 403, "other_brand")
    assert refused(limited.get(f"/api/v1/webhooks?brandId={cast.south.pk}"), 403, "other_brand")
    new = {"url": "https://93.184.215.14/", "events": ["lead.created"]}
    assert refused(limited.post("/api/v1/webhooks", new | {"brandId": str(cast.south.pk)}), 403, "other_brand")
    assert refused(crm.post("/api/v1/webhooks", new | {"brandId": str(cast.west.pk)}), 404, "not_found")
    made = limited.post("/api/v1/webhooks", new).json()["webhookId"]
    assert WebhookSubscription.objects.get(pk=made).brand == cast.north


def test_an_operator_of_another_workspace_gets_no_token(cast, crm):
    for email in (cast.mallory.email, "nobody@acme.example"):
        answer = crm.post("/api/v1/operator-sessions", {"email": email})
        assert refused(answer, 422, "invalid")
    for seconds in (59, 43_201, "60", 1.5, True, 10**30):
        answer = crm.post("/api/v1/operator-sessions", {"email": cast.alice.email, "expiresIn": seconds})
        assert refused(answer, 422, "invalid")
    opened = crm.post("/api/v1/operator-sessions", {"email": "ALICE@acme.example", "expiresIn": 60})
    assert set(opened.json()) == {"token", "sessionId", "expiresAt"}
    assert opened["Location"] == f"/api/v1/operator-sessions/{opened.json()['sessionId']}"


def test_an_operator_token_is_no_api_key_and_an_api_key_no_operator_token(cast, crm, talks):
    token = issue_token(cast.alice)[0]
    assert refused(Caller(token).get("/api/v1/ping"), 401, "malformed_key")
    with pytest.raises(Failed, match="UNAUTHENTICATED"):
        ask_with(crm.secret, "conversations:listInbox")
    assert ask_with(token, "conversations:listInbox")
