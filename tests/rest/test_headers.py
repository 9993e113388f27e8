"""CORS headers, request ids and the other headers of every response."""

import pytest
import structlog

from tests.conftest import ApiKeyClient

PATHS = ["/api/v1/ping", "/api/v1/nothing", "/api/v1/leads?limit=x", "/api/v1/openapi.json"]


@pytest.mark.parametrize("path", PATHS)
def test_every_response_has_cors_headers(api_client, db, path):
    for client in (api_client, ApiKeyClient()):
        response = client.get(path)
        assert response["Access-Control-Allow-Origin"] == "*"
        assert "Access-Control-Allow-Credentials" not in response
        exposed = response["Access-Control-Expose-Headers"]
        for header in ("X-RateLimit-Limit", "X-RateLimit-Remaining", "Retry-After", "Link", "X-Request-Id"):
            assert header in exposed


@pytest.mark.parametrize("path", PATHS)
def test_preflight_requests_allow_all_methods_and_headers_of_the_api(db, path):
    response = ApiKeyClient().options(
        path,
        HTTP_ORIGIN="https://crm.example",
        HTTP_ACCESS_CONTROL_REQUEST_METHOD="POST",
        HTTP_ACCESS_CONTROL_REQUEST_HEADERS="authorization, content-type, idempotency-key",
    )
    assert (response.status_code, response.content) == (204, b"")
    assert response["Access-Control-Allow-Origin"] == "*"
    for header in ("Authorization", "Content-Type", "Idempotency-Key"):
        assert header in response["Access-Control-Allow-Headers"]
    for method in ("GET", "POST", "PATCH", "DELETE"):
        assert method in response["Access-Control-Allow-Methods"]


def test_pages_outside_the_api_have_no_cors_headers(client, db):
    assert "Access-Control-Allow-Origin" not in client.get("/app/login/")


def test_every_response_has_its_own_request_id(api_client, db):
    first, second = api_client.get("/api/v1/ping"), api_client.get("/api/v1/nothing")
    assert first["X-Request-Id"] != second["X-Request-Id"]
    assert api_client.get("/api/v1/ping", HTTP_X_REQUEST_ID="mine\nforged")["X-Request-Id"] != "mine\nforged"


def test_the_log_contains_the_request_id_but_not_the_api_key(api_client, db, monkeypatch):
    def broken(*args, **kwargs):
        raise RuntimeError("broken")

    monkeypatch.setattr("accounts.api.Ping.parameters", broken)
    with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        response = api_client.get("/api/v1/ping")
    assert lines[0]["request_id"] == response["X-Request-Id"]
    assert api_client.secret not in str(lines)


def test_responses_forbid_caching(api_client, db):
    assert api_client.get("/api/v1/ping")["Cache-Control"] == "no-store"


def test_head_requests_are_answered_like_get_without_a_body(api_client, db):
    response = api_client.head("/api/v1/ping")
    assert (response.status_code, response.content) == (200, b"")
