"""Signing in, and the known attacks on it: each attack is rejected, and its legitimate variant succeeds."""

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pyotp
import pytest
from django.contrib.sessions.models import Session
from django.db import connection, transaction
from django.test import Client

from accounts import emails
from accounts.actions import team, two_factor
from accounts.models import AuditEntry, Operator, QueuedEmail

pytestmark = pytest.mark.django_db
ALICE = {"username": "alice@acme.example", "password": "wonder-land-9"}
WRONG = ALICE | {"password": "wrong"}


def is_signed_in(client):
    return client.get("/app/").status_code == 200


def sign_in(client, form=ALICE, **more):
    return client.post("/app/login/", form | more)


def audited_actions():
    """Return the actions on operators in the audit log, oldest first."""
    rows = AuditEntry.objects.filter(action__startswith="operator.").order_by("created_at")
    return list(rows.values_list("action", flat=True))


def test_the_audit_log_records_sign_ins_and_failures_with_the_ip_address(client, tenants):
    sign_in(client, WRONG)
    assert not is_signed_in(client)
    sign_in(client)
    assert is_signed_in(client)
    assert audited_actions() == ["operator.sign_in_failed", "operator.signed_in"]
    assert {entry.address for entry in AuditEntry.objects.exclude(action="brand.created")} == {"127.0.0.1"}
    assert AuditEntry.objects.get(action="operator.signed_in").operator == tenants.alice


def test_signing_in_replaces_a_planted_session_key(client, tenants):
    """Session fixation: a session key that an attacker planted in the browser is invalid after signing in."""
    client.get("/app/login/")
    session = client.session
    session["planted"] = True
    session.save()
    planted = session.session_key
    client.cookies["sessionid"] = planted
    sign_in(client)
    assert is_signed_in(client)
    assert client.cookies["sessionid"].value != planted
    assert not Session.objects.filter(session_key=planted).exists()


def test_forms_need_a_csrf_token(tenants):
    """CSRF, for signing in, signing out and forms that change something."""
    client = Client(enforce_csrf_checks=True)
    assert client.post("/app/login/", ALICE).status_code == 403
    token = re.search(r'csrfmiddlewaretoken" value="(\w+)"', client.get("/app/login/").content.decode())[1]
    assert client.post("/app/login/", ALICE | {"csrfmiddlewaretoken": token}).status_code == 302
    for path in ("/app/logout/", "/app/profile/", "/app/leads/add/", "/app/team/add/", "/app/profile/two-factor/off/"):
        assert client.post(path, {"name": "x"}).status_code == 403, path
    assert is_signed_in(client)
    page = client.get("/app/profile/").content.decode()
    token = re.search(r'csrfmiddlewaretoken" value="(\w+)"', page)[1]
    assert client.post("/app/profile/", {"name": "A", "csrfmiddlewaretoken": token}).status_code == 302


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "http:evil.example",
        "\x00//evil",
    ],
)
def test_signing_in_never_redirects_to_another_site(client, tenants, target):
    """Open redirects, with and without two-factor authentication."""
    assert sign_in(client, next=target)["Location"] == "/app/home/"
    client.logout()
    assert sign_in(client, next="/app/leads/")["Location"] == "/app/leads/"
    client.logout()
    secret, _ = with_two_factor(tenants.alice)
    response = sign_in(client, next=target)
    assert urlsplit(response["Location"]).path == "/app/login/code/"
    code = pyotp.TOTP(secret).at(datetime.now(UTC) + timedelta(seconds=30))
    response = client.post("/app/login/code/", {"code": code, "next": target})
    assert response["Location"] == "/app/home/"


def test_a_signed_in_operator_is_not_redirected_back_to_the_sign_in_page(client, tenants):
    client.force_login(tenants.alice)
    for target in ("/app/login/", "/app/login/code/", "/app/login/?next=/app/login/"):
        assert client.get("/app/login/", {"next": target})["Location"] == "/app/home/"
    assert client.get("/app/login/", {"next": "/app/leads/"})["Location"] == "/app/leads/"


def test_a_username_that_postgresql_cannot_store_is_a_failed_sign_in(client, tenants):
    for name in ("a\0b", "alice@acme.example\0", "x" * 5000):
        assert sign_in(client, {"username": name, "password": "x"}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "127.0.0.1@evil.example"])
def test_requests_with_a_foreign_host_header_are_refused(client, tenants, host):
    assert client.get("/app/login/", headers={"host": host}).status_code == 400
    assert client.post("/app/forgotten/", {"email": "alice@acme.example"}, headers={"host": host}).status_code == 400
    assert QueuedEmail.objects.count() == 0


def test_links_in_e_mails_use_the_configured_host(client, tenants, mailoutbox, settings):
    client.post("/app/forgotten/", {"email": "alice@acme.example"}, headers={"x-forwarded-host": "evil.example"})
    emails.send_due()
    assert f"{settings.BASE_URL}/app/password/" in mailoutbox[0].body
    assert "evil.example" not in mailoutbox[0].body


def test_responses_do_not_reveal_which_accounts_exist(client, tenants):
    def response_to(path, **form):
        page = Client().post(path, form).content.decode()
        return re.sub(r'value="[^"]*"', "", page)

    known = response_to("/app/login/", **WRONG)
    assert known == response_to("/app/login/", username="nobody@x.example", password="wrong")
    Operator.objects.filter(pk=tenants.bob.pk).update(is_active=False)
    assert known == response_to("/app/login/", username="bob@acme.example", password="build-er-9")
    for email in ("alice@acme.example", "nobody@x.example"):
        response = Client().post("/app/forgotten/", {"email": email}, follow=True)
        assert "If an operator has this e-mail address" in response.content.decode()
    assert QueuedEmail.objects.count() == 2
    assert emails.send_due() == 1
    assert QueuedEmail.objects.count() == 0


def with_two_factor(operator):
    secret = two_factor.generate_secret()
    return secret, two_factor.enable(operator, secret=secret, code=pyotp.TOTP(secret).now())


def test_form_fields_that_are_not_offered_are_ignored(client, tenants):
    """Mass assignment, in the profile form and in the form of a team member."""
    client.force_login(tenants.bob)
    more = {"role": "owner", "sees_all_brands": "on", "is_active": "on", "workspace": str(tenants.globex.pk)}
    client.post("/app/profile/", {"name": "Bobby", "email": "x@x.example", "password": "x", "is_superuser": "1"} | more)
    tenants.bob.refresh_from_db()
    assert (tenants.bob.name, tenants.bob.email, tenants.bob.role) == ("Bobby", "bob@acme.example", "operator")
    assert not tenants.bob.sees_all_brands
    client.force_login(tenants.alice)
    page = f"/app/team/{tenants.bob.pk}/change/"
    form = {"name": "Bob", "role": "admin", "sees_all_brands": "on", "is_active": "on"}
    client.post(page, form | {"email": "x@x.example", "password": "x", "workspace": str(tenants.globex.pk)})
    tenants.bob.refresh_from_db()
    assert (tenants.bob.role, tenants.bob.email, tenants.bob.workspace_id) == (
        "admin",
        "bob@acme.example",
        tenants.acme.pk,
    )
    assert tenants.bob.check_password("build-er-9")


def test_admins_cannot_create_owners_and_nobody_can_change_their_own_role(client, tenants):
    team.change_operator(tenants.bob, by=tenants.alice, role="admin", sees_all_brands=True)
    client.force_login(Operator.objects.get(pk=tenants.bob.pk))
    form = {"name": "Eve", "email": "eve@acme.example", "sees_all_brands": "on"}
    refused = client.post("/app/team/add/", form | {"role": "owner"})
    assert "Only owners" in refused.content.decode()
    assert client.post("/app/team/add/", form | {"role": "admin"}).status_code == 302
    refused = client.post(
        f"/app/team/{tenants.alice.pk}/change/", {"name": "Alice", "role": "operator", "sees_all_brands": "on"}
    )
    assert refused.status_code == 403
    client.post(f"/app/team/{tenants.bob.pk}/change/", {"name": "Bob", "role": "owner", "is_active": ""})
    tenants.bob.refresh_from_db()
    assert (tenants.bob.role, tenants.bob.is_active) == ("admin", True)


def test_deactivating_an_operator_ends_their_session_at_once(client, tenants):
    sign_in(client, username="bob@acme.example", password="build-er-9")
    assert is_signed_in(client)
    team.change_operator(tenants.bob, by=tenants.alice, is_active=False)
    assert not is_signed_in(client)
    assert audited_actions()[-1] == "operator.changed"


def test_audit_entries_cannot_be_updated_or_deleted(tenants):
    team.invite(tenants.alice, email="carol@acme.example", name="Carol", role="operator")
    for statement in ("UPDATE accounts_auditentry SET actor = 'nobody'", "DELETE FROM accounts_auditentry"):
        with pytest.raises(Exception, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
    assert audited_actions() == ["operator.invited"]
