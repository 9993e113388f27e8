"""The permission table: every route with every kind of key."""

from datetime import timedelta

import pytest
from django.urls import URLPattern
from django.utils import timezone

from integrations.api_keys import create_key, revoke_key
from praxtalk.urls import urlpatterns
from tests.conftest import Caller

READS = {
    "GET ping": "/api/v1/ping",
    "GET brands": "/api/v1/brands",
    "GET conversations": "/api/v1/conversations",
    "GET conversation": "/api/v1/conversations/{conversation}",
    "GET messages": "/api/v1/messages?conversationId={conversation}",
    "GET leads": "/api/v1/leads",
    "GET events": "/api/v1/events",
}
WRITES = {
    "PATCH conversation": ("/api/v1/conversations/{conversation}", {"status": "resolved"}, 200),
    "POST message": ("/api/v1/conversations/{conversation}/messages", {"body": "Hi"}, 201),
    "POST lead": ("/api/v1/leads", {"name": "Maya", "conversationId": "{conversation}"}, 201),
    "PATCH lead": ("/api/v1/leads/{lead}", {"status": "won"}, 200),
}
ROUTES = [*READS, *WRITES]
ABOUT_ONE_OBJECT = [route for route in ROUTES if "{" in str(READS.get(route) or WRITES[route])]


def call(client, route, conversation, lead):
    fill = lambda text: text.replace("{conversation}", str(conversation.pk)).replace("{lead}", str(lead.pk))  # noqa: E731
    if route in READS:
        return client.get(fill(READS[route]))
    path, body, _ = WRITES[route]
    send = client.post if route.startswith("POST") else client.patch
    return send(fill(path), {name: fill(value) for name, value in body.items()})


def refused(answer, status, code):
    assert answer.status_code == status, answer.content
    assert set(answer.json()) == {"error"}
    assert answer["X-Error-Code"] == code
    return True


def test_the_table_holds_every_route():
    routes = {
        p.pattern._route for p in urlpatterns if isinstance(p, URLPattern) and str(p.pattern).startswith("api/v1/")
    }
    known = [*READS.values(), *(path for path, _, _ in WRITES.values())]
    paths = {path.split("?")[0].lstrip("/").replace("{conversation}", "<str:id>") for path in known}
    paths = {path.replace("{lead}", "<str:id>") for path in paths}
    assert routes - paths == {"api/v1/openapi.json"}  # public


@pytest.mark.parametrize("route", ROUTES)
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
def test_without_a_valid_key(cast, talks, route, header, code):
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
    answer = call(client, route, talks.north, talks.north_lead)
    assert refused(answer, 401, code)
    assert answer["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("route", ROUTES)
def test_read_key(cast, talks, caller, route):
    answer = call(caller(cast.acme, "read"), route, talks.north, talks.north_lead)
    assert answer.status_code == 200 if route in READS else refused(answer, 403, "read_only_key")


@pytest.mark.parametrize("route", ROUTES)
def test_write_key(cast, talks, caller, route):
    answer = call(caller(cast.acme, "write"), route, talks.north, talks.north_lead)
    assert answer.status_code == (200 if route in READS else WRITES[route][2])


@pytest.mark.parametrize("route", ROUTES)
def test_brand_key_on_its_brand(cast, talks, caller, route):
    answer = call(caller(cast.acme, "write", brand=cast.north), route, talks.north, talks.north_lead)
    assert answer.status_code == (200 if route in READS else WRITES[route][2])


@pytest.mark.parametrize("route", ABOUT_ONE_OBJECT)
def test_brand_key_on_another_brand(cast, talks, caller, route):
    answer = call(caller(cast.acme, "write", brand=cast.north), route, talks.south, talks.south_lead)
    assert refused(answer, 403, "other_brand")


@pytest.mark.parametrize("route", ABOUT_ONE_OBJECT)
def test_another_workspace(cast, talks, caller, route):
    mallory = caller(cast.globex, "write")
    assert refused(call(mallory, route, talks.north, talks.north_lead), 404, "not_found")
    own = call(mallory, route, talks.west, talks.west_lead)
    assert own.status_code == (200 if route in READS else WRITES[route][2])


@pytest.mark.parametrize("route", ABOUT_ONE_OBJECT)
def test_brand_key_on_another_workspace_tells_nothing(cast, talks, caller, route):
    answer = call(caller(cast.acme, "write", brand=cast.north), route, talks.west, talks.west_lead)
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
