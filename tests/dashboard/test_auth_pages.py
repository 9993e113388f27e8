"""Access to /app, and the security headers of its pages."""

import pytest

from accounts.actions import passwords
from accounts.audit import Action
from accounts.models import AuditEntry, Operator


@pytest.mark.parametrize("name", ["alice", "bob", "mallory"])
def test_every_active_operator_can_sign_in_to_their_own_workspace_only(client, tenants, name):
    operator = getattr(tenants, name)
    password = {"alice": "wonder-land-9", "bob": "build-er-9", "mallory": "mal-lory-9"}[name]
    response = client.post(
        "/app/login/", {"username": operator.email.upper(), "password": password, "next": "/app/leads/"}
    )
    assert (response.status_code, response["Location"]) == (302, "/app/leads/")
    page = client.get("/app/").content.decode()
    assert operator.workspace.name in page
    for other in {"Acme", "Globex"} - {operator.workspace.name}:
        assert other not in page


def test_anonymous_inactive_and_unknown_users_cannot_sign_in(client, tenants):
    assert client.get("/app/")["Location"] == "/app/login/?next=/app/"
    Operator.objects.filter(pk=tenants.bob.pk).update(is_active=False)
    for email, password in [("bob@acme.example", "build-er-9"), ("alice@acme.example", "wrong"), ("x@y.example", "x")]:
        response = client.post("/app/login/", {"username": email, "password": password})
        assert response.status_code == 200
        assert "_auth_user_id" not in client.session


def test_deactivation_ends_an_operators_session(client, tenants):
    client.force_login(tenants.alice)
    assert client.get("/app/").status_code == 200
    Operator.objects.filter(pk=tenants.alice.pk).update(is_active=False)
    assert client.get("/app/").status_code == 302


def test_a_dashboard_session_does_not_authenticate_api_calls(client, tenants):
    client.force_login(tenants.alice)
    assert client.get("/api/v1/ping").status_code == 401


@pytest.mark.parametrize("path", ["/app/", "/app/login/", "/healthz", "/api/v1/ping", "/nothing"])
def test_every_page_has_a_strict_content_security_policy(client, db, path):
    response = client.get(path)
    policy = response["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert response["X-Frame-Options"] == "DENY"


def test_health_and_readiness_endpoints(client, db):
    assert client.get("/healthz").json() == {"ok": True}
    response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json() == {"status": "ok", "database": "ok", "valkey": "ok", "migrations": "ok", "webhooks": "ok"}


def test_a_password_changes_together_with_its_audit_entry_and_the_end_of_all_tokens(tenants, monkeypatch):
    def fail(operator):
        raise ZeroDivisionError

    monkeypatch.setattr(passwords, "revoke_dashboard_tokens", fail)
    with pytest.raises(ZeroDivisionError):
        passwords.change_password(tenants.bob, password="long-enough-9")
    tenants.bob.refresh_from_db()
    assert tenants.bob.check_password("build-er-9")
    assert not AuditEntry.objects.filter(action=Action.PASSWORD_CHANGED).exists()
