"""Who may enter /app, and under which headers."""

import pytest

from accounts.models import Operator


@pytest.mark.parametrize("name", ["alice", "bob", "mallory"])
def test_every_active_operator_enters_their_own_workspace(client, cast, name):
    operator = getattr(cast, name)
    password = {"alice": "wonder-land-9", "bob": "build-er-9", "mallory": "mal-lory-9"}[name]
    answer = client.post("/app/login/", {"username": operator.email.upper(), "password": password, "next": "/app/"})
    assert (answer.status_code, answer["Location"]) == (302, "/app/")
    page = client.get("/app/").content.decode()
    assert operator.workspace.name in page
    for other in {"Acme", "Globex"} - {operator.workspace.name}:
        assert other not in page


def test_nobody_else_enters(client, cast):
    assert client.get("/app/")["Location"] == "/app/login/?next=/app/"
    Operator.objects.filter(pk=cast.bob.pk).update(is_active=False)
    for email, password in [("bob@acme.example", "build-er-9"), ("alice@acme.example", "wrong"), ("x@y.example", "x")]:
        answer = client.post("/app/login/", {"username": email, "password": password})
        assert answer.status_code == 200
        assert "_auth_user_id" not in client.session


def test_a_signed_in_operator_who_is_deactivated_is_out(client, cast):
    client.force_login(cast.alice)
    assert client.get("/app/").status_code == 200
    Operator.objects.filter(pk=cast.alice.pk).update(is_active=False)
    assert client.get("/app/").status_code == 302


def test_the_session_is_no_key_to_the_api(client, cast):
    client.force_login(cast.alice)
    assert client.get("/api/v1/ping").status_code == 401


@pytest.mark.parametrize("path", ["/app/", "/app/login/", "/healthz", "/api/v1/ping", "/nothing"])
def test_a_strict_policy_on_every_page(client, db, path):
    answer = client.get(path)
    policy = answer["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer["X-Frame-Options"] == "DENY"


def test_health(client, db):
    assert client.get("/healthz").json() == {"ok": True}
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "database": "ok", "valkey": "ok", "migrations": "ok", "webhooks": "ok"}
