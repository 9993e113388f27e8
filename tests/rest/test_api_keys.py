"""API keys: revocation, allowed addresses, last use, storage; and the operator tokens that they issue."""

import pytest

from accounts.actions.operator_tokens import issue_token
from integrations.actions.api_keys import create_key, revoke_key
from tests.conftest import ApiKeyClient
from tests.rest.test_permissions import assert_refused
from tests.sync.live_client import call_with_token
from tests.sync.sockets import RequestFailed


def test_a_revoked_key_is_refused_at_once(tenants, api_client):
    assert api_client.get("/api/v1/ping").status_code == 200
    revoke_key(api_client.key)
    assert_refused(api_client.get("/api/v1/ping"), 401, "revoked_key")


def test_a_key_works_only_from_its_allowed_addresses(tenants, api_client_for):
    client = api_client_for(tenants.acme, allowed_cidrs=["192.0.2.0/24", "2001:db8::/32"])
    for address in ("192.0.2.7", "::ffff:192.0.2.7", "2001:db8::5"):
        assert client.get("/api/v1/ping", REMOTE_ADDR=address).status_code == 200, address
    for address in ("192.0.3.7", "2001:db9::5", ""):
        assert_refused(client.get("/api/v1/ping", REMOTE_ADDR=address), 403, "address_not_allowed")


def test_last_use_of_a_key_is_written_at_most_once_a_minute(tenants, api_client, django_assert_num_queries):
    api_client.get("/api/v1/ping")
    api_client.key.refresh_from_db()
    first = api_client.key.last_used_at
    assert first is not None
    with django_assert_num_queries(1):
        api_client.get("/api/v1/ping")
    api_client.key.refresh_from_db()
    assert api_client.key.last_used_at == first


def test_the_secret_of_a_key_is_stored_as_a_hash_only(tenants):
    key, secret = create_key(tenants.acme, name="k", scope="read")
    key.refresh_from_db()
    stored = " ".join(str(getattr(key, field.attname)) for field in key._meta.fields)
    assert secret not in stored
    assert secret[13:-4] not in stored
    assert (secret[:9], len(secret), key.prefix, key.last_four) == ("ptk_live_", 51, secret[:13], secret[-4:])


def test_operator_sessions_need_an_operator_of_the_workspace_and_a_valid_lifetime(tenants, api_client):
    for email in (tenants.mallory.email, "nobody@acme.example"):
        response = api_client.post("/api/v1/operator-sessions", {"email": email})
        assert_refused(response, 422, "invalid")
    for seconds in (59, 43_201, "60", 1.5, True, 10**30):
        response = api_client.post("/api/v1/operator-sessions", {"email": tenants.alice.email, "expiresIn": seconds})
        assert_refused(response, 422, "invalid")
    opened = api_client.post("/api/v1/operator-sessions", {"email": "ALICE@acme.example", "expiresIn": 60})
    assert set(opened.json()) == {"token", "sessionId", "expiresAt"}
    assert opened["Location"] == f"/api/v1/operator-sessions/{opened.json()['sessionId']}"


def test_operator_tokens_and_api_keys_are_not_interchangeable(tenants, api_client, conversations):
    token = issue_token(tenants.alice)[0]
    assert_refused(ApiKeyClient(token).get("/api/v1/ping"), 401, "malformed_key")
    with pytest.raises(RequestFailed, match="UNAUTHENTICATED"):
        call_with_token(api_client.secret, "conversations:listInbox")
    assert call_with_token(token, "conversations:listInbox")
