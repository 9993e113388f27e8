"""Signing in, and the known attacks on it: each attack is refused, and the legitimate variant next to it succeeds."""

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pyotp
import pytest
import time_machine
from django.contrib.sessions.models import Session
from django.db import connection, transaction
from django.test import Client

from accounts import emails
from accounts.actions import team, two_factor
from accounts.actions.workspaces import rename_workspace
from accounts.models import AuditEntry, Operator, QueuedEmail
from praxtalk.core.db.encryption import decrypt

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


def test_the_audit_log_records_sign_ins_and_failures_with_the_ip_address(client, cast):
    sign_in(client, WRONG)
    assert not is_signed_in(client)
    sign_in(client)
    assert is_signed_in(client)
    assert audited_actions() == ["operator.sign_in_failed", "operator.signed_in"]
    assert {entry.address for entry in AuditEntry.objects.exclude(action="brand.created")} == {"127.0.0.1"}
    assert AuditEntry.objects.get(action="operator.signed_in").operator == cast.alice


def test_signing_in_replaces_a_planted_session_key(client, cast):
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


def test_forms_need_a_csrf_token(cast):
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
def test_signing_in_never_redirects_to_another_site(client, cast, target):
    """Open redirects, with and without two-factor authentication."""
    assert sign_in(client, next=target)["Location"] == "/app/"
    client.logout()
    assert sign_in(client, next="/app/leads/")["Location"] == "/app/leads/"
    client.logout()
    secret, _ = with_two_factor(cast.alice)
    answer = sign_in(client, next=target)
    assert urlsplit(answer["Location"]).path == "/app/login/code/"
    code = pyotp.TOTP(secret).at(datetime.now(UTC) + timedelta(seconds=30))
    answer = client.post("/app/login/code/", {"code": code, "next": target})
    assert answer["Location"] == "/app/"


def test_a_signed_in_operator_is_not_redirected_back_to_the_sign_in_page(client, cast):
    client.force_login(cast.alice)
    for target in ("/app/login/", "/app/login/code/", "/app/login/?next=/app/login/"):
        assert client.get("/app/login/", {"next": target})["Location"] == "/app/"
    assert client.get("/app/login/", {"next": "/app/leads/"})["Location"] == "/app/leads/"


def test_a_username_that_postgresql_cannot_store_is_a_failed_sign_in(client, cast):
    for name in ("a\0b", "alice@acme.example\0", "x" * 5000):
        assert sign_in(client, {"username": name, "password": "x"}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "127.0.0.1@evil.example"])
def test_requests_with_a_foreign_host_header_are_refused(client, cast, host):
    assert client.get("/app/login/", headers={"host": host}).status_code == 400
    assert client.post("/app/forgotten/", {"email": "alice@acme.example"}, headers={"host": host}).status_code == 400
    assert QueuedEmail.objects.count() == 0


def test_links_in_e_mails_use_the_configured_host(client, cast, mailoutbox, settings):
    client.post("/app/forgotten/", {"email": "alice@acme.example"}, headers={"x-forwarded-host": "evil.example"})
    emails.send_due()
    assert f"{settings.BASE_URL}/app/password/" in mailoutbox[0].body
    assert "evil.example" not in mailoutbox[0].body


def test_responses_do_not_reveal_which_accounts_exist(client, cast):
    def answer_to(path, **form):
        page = Client().post(path, form).content.decode()
        return re.sub(r'value="[^"]*"', "", page)

    known = answer_to("/app/login/", **WRONG)
    assert known == answer_to("/app/login/", username="nobody@x.example", password="wrong")
    Operator.objects.filter(pk=cast.bob.pk).update(is_active=False)
    assert known == answer_to("/app/login/", username="bob@acme.example", password="build-er-9")
    for email in ("alice@acme.example", "nobody@x.example"):
        answer = Client().post("/app/forgotten/", {"email": email}, follow=True)
        assert "If an operator has this e-mail address" in answer.content.decode()
    assert QueuedEmail.objects.count() == 2
    assert emails.send_due() == 1
    assert QueuedEmail.objects.count() == 0


def with_two_factor(operator):
    secret = two_factor.generate_secret()
    return secret, two_factor.enable(operator, secret=secret, code=pyotp.TOTP(secret).now())


def test_with_two_factor_the_password_alone_gives_no_access(client, cast):
    secret, _ = with_two_factor(cast.alice)
    answer = sign_in(client)
    assert answer["Location"] == "/app/login/code/"
    for path in (
        "/app/",
        "/app/leads/",
        "/app/leads/export/",
        "/app/profile/",
        "/app/profile/two-factor/off/",
        "/app/team/",
    ):
        assert client.get(path)["Location"].startswith("/app/login/"), path
        assert client.post(path, {"password": ALICE["password"]})["Location"].startswith("/app/login/"), path
    assert client.post("/app/login/code/", {"code": "000000"}).status_code == 200
    assert not is_signed_in(client)
    code = pyotp.TOTP(secret).at(datetime.now(UTC) + timedelta(seconds=30))
    assert client.post("/app/login/code/", {"code": f"{code[:3]} {code[3:]}"})["Location"] == "/app/"
    assert is_signed_in(client)


def test_a_code_works_once_and_for_its_owner_only(cast):
    secret, _ = with_two_factor(cast.alice)
    with_two_factor(cast.mallory)
    now = datetime.now(UTC).replace(microsecond=0)
    with time_machine.travel(now + timedelta(minutes=5), tick=False):
        code = pyotp.TOTP(secret).now()
        assert not two_factor.verify(cast.mallory, code)
        cast.alice.refresh_from_db()
        assert two_factor.verify(cast.alice, code)
        assert not two_factor.verify(cast.alice, code)
        assert not two_factor.verify(cast.alice, pyotp.TOTP(secret).at(now + timedelta(minutes=10)))
    with time_machine.travel(now + timedelta(minutes=7), tick=False):
        assert two_factor.verify(cast.alice, pyotp.TOTP(secret).at(now + timedelta(minutes=7, seconds=30)))
        assert not two_factor.verify(cast.alice, pyotp.TOTP(secret).now())  # older than the last code that was accepted


@pytest.mark.parametrize("code", ["", "12345", "1234567", "abcdef", "१२३४५६", "\x00" * 6, "9" * 1000])
def test_malformed_codes_are_refused(client, cast, code):
    with_two_factor(cast.alice)
    sign_in(client)
    assert client.post("/app/login/code/", {"code": code}).status_code == 200
    assert not is_signed_in(client)


def test_a_recovery_code_works_once_and_is_stored_as_a_hash(client, cast):
    _, codes = with_two_factor(cast.alice)
    assert len(set(codes)) == 10
    stored = [bytes(each.digest) for each in cast.alice.recovery_codes.all()]
    assert all(len(digest) == 32 for digest in stored)
    sign_in(client)
    client.post("/app/login/code/", {"code": codes[0].upper()})
    assert is_signed_in(client)
    other = Client()
    sign_in(other)
    other.post("/app/login/code/", {"code": codes[0]})
    assert not is_signed_in(other)
    other.post("/app/login/code/", {"code": codes[1].replace("-", "")})
    assert is_signed_in(other)


def test_recovery_codes_work_when_the_totp_secret_cannot_be_decrypted(client, cast):
    secret, codes = with_two_factor(cast.bob)
    Operator.objects.filter(pk=cast.bob.pk).update(encrypted_totp_secret="gone:AAAA")
    cast.bob.refresh_from_db()
    assert not two_factor.verify(cast.bob, pyotp.TOTP(secret).now())
    assert two_factor.verify(cast.bob, codes[0])


def test_the_code_step_expires_after_ten_minutes_and_is_rate_limited(client, cast, settings):
    settings.SIGN_INS_A_MINUTE = 5
    with time_machine.travel(datetime(2027, 1, 2, 12, 0, 5, tzinfo=UTC), tick=False) as clock:
        secret, _ = with_two_factor(cast.alice)
        sign_in(client)
        for _ in range(5):
            assert client.post("/app/login/code/", {"code": "000000"}).status_code == 200
        assert client.post("/app/login/code/", {"code": pyotp.TOTP(secret).now()}).status_code == 429
        clock.shift(timedelta(minutes=11))
        answer = client.post("/app/login/code/", {"code": pyotp.TOTP(secret).now()})
        assert answer["Location"] == "/app/login/"
        assert not is_signed_in(client)


def test_two_factor_can_be_enabled_and_disabled_in_the_profile(client, cast):
    client.force_login(cast.alice)
    page = client.get("/app/profile/two-factor/on/").content.decode()
    secret = re.search(r'class="secret">([A-Z2-7 ]+)<', page)[1].replace(" ", "")
    assert client.post("/app/profile/two-factor/on/", {"code": "000000"}).status_code == 422
    answer = client.post("/app/profile/two-factor/on/", {"code": pyotp.TOTP(secret).now()})
    codes = re.findall(r"<code>([a-z0-9-]{14})</code>", answer.content.decode())
    assert len(codes) == 10
    assert "no-store" in answer["Cache-Control"]
    cast.alice.refresh_from_db()
    assert decrypt(cast.alice.encrypted_totp_secret) == secret
    assert secret not in cast.alice.encrypted_totp_secret
    assert client.get("/app/profile/two-factor/on/").status_code == 302  # it cannot be enabled twice
    assert client.post("/app/profile/two-factor/off/", {"password": "wrong"}).status_code == 422
    cast.alice.refresh_from_db()
    assert cast.alice.has_two_factor
    assert client.post("/app/profile/two-factor/off/", {"password": ALICE["password"]}).status_code == 302
    cast.alice.refresh_from_db()
    assert not cast.alice.has_two_factor
    assert cast.alice.recovery_codes.count() == 0


def link_in(mail):
    return re.search(r"https?://\S+", mail.body)[0].split("/app/", 1)[1]


def test_a_password_reset_link_works_once_and_ends_other_sessions(client, cast, mailoutbox):
    elsewhere = Client()
    sign_in(elsewhere)
    client.post("/app/forgotten/", {"email": "ALICE@acme.example"})
    emails.send_due()
    path = "/app/" + link_in(mailoutbox[0])
    answer = client.get(path)
    assert answer["Location"].endswith("/set-password/")  # the redirect removes the token from the URL
    weak = client.post(answer["Location"], {"new_password1": "password", "new_password2": "password"})
    assert weak.status_code == 200
    form = {"new_password1": "looking-glass-8", "new_password2": "looking-glass-8"}
    assert client.post(answer["Location"], form)["Location"] == "/app/login/"
    assert not is_signed_in(client)  # the link alone signs nobody in
    assert not is_signed_in(elsewhere)
    assert "no longer valid" in Client().get(path).content.decode()
    assert sign_in(client).status_code == 200
    assert sign_in(client, password="looking-glass-8").status_code == 302


def test_a_password_reset_does_not_replace_the_second_factor(client, cast, mailoutbox):
    with_two_factor(cast.alice)
    client.post("/app/forgotten/", {"email": "alice@acme.example"})
    emails.send_due()
    form_path = client.get("/app/" + link_in(mailoutbox[0]))["Location"]
    client.post(form_path, {"new_password1": "looking-glass-8", "new_password2": "looking-glass-8"})
    assert sign_in(client, password="looking-glass-8")["Location"] == "/app/login/code/"
    assert not is_signed_in(client)


def test_an_invitation_link_lets_the_invited_choose_a_password_once(client, cast, mailoutbox):
    client.force_login(cast.alice)
    form = {"name": "Carol", "email": "carol@acme.example", "role": "operator", "brands": [str(cast.north.pk)]}
    assert client.post("/app/team/add/", form).status_code == 302
    carol = Operator.objects.get(email="carol@acme.example")
    assert (carol.is_active, carol.workspace, list(carol.brands.all())) == (False, cast.acme, [cast.north])
    emails.send_due()
    assert mailoutbox[0].to == ["carol@acme.example"]
    guest = Client()
    assert sign_in(guest, username=carol.email, password="").status_code == 200
    path = "/app/" + link_in(mailoutbox[0])
    form_path = guest.get(path)["Location"]
    guest.post(form_path, {"new_password1": "christmas-9-", "new_password2": "christmas-9-"})
    assert sign_in(guest, username=carol.email, password="christmas-9-").status_code == 302
    assert "no longer valid" in Client().get(path).content.decode()
    assert audited_actions() == ["operator.invited", "operator.sign_in_failed", "operator.joined", "operator.signed_in"]


def test_line_breaks_in_names_inject_no_mail_header_and_delay_no_mail(cast, mailoutbox):
    rename_workspace(cast.acme, name="Acme\r\nBcc: evil@x.example")
    for number in range(2):
        team.invite(cast.alice, email=f"new{number}@acme.example", name="New\nName", role="operator")
    emails.send_due()
    assert [mail.subject for mail in mailoutbox] == ["Join Acme Bcc: evil@x.example on PraxTalk"] * 2
    assert all(mail.bcc == [] and "evil" not in str(mail.recipients()) for mail in mailoutbox)


def test_revoked_resent_and_expired_invitations_are_refused(client, cast, mailoutbox):
    invited = team.invite(cast.alice, email="carol@acme.example", name="Carol", role="operator")
    emails.send_due()
    client.force_login(cast.alice)
    page = f"/app/team/{invited.pk}/change/"
    form = {"name": "Carol", "role": "operator", "sees_all_brands": "on"}
    assert client.post(page, form | {"_invite_again": "1"}).status_code == 302
    emails.send_due()
    first, second = ("/app/" + link_in(mail) for mail in mailoutbox)
    assert "no longer valid" in Client().get(first).content.decode()
    assert Client().get(second).status_code == 302
    with time_machine.travel(datetime.now(UTC) + timedelta(days=3, minutes=1)):
        assert "no longer valid" in Client().get(second).content.decode()
    assert client.post(page, form | {"_withdraw": "1"}).status_code == 302
    assert "no longer valid" in Client().get(second).content.decode()
    assert not Operator.objects.filter(pk=invited.pk).exists()


def test_form_fields_that_are_not_offered_are_ignored(client, cast):
    """Mass assignment, in the profile form and in the form of a team member."""
    client.force_login(cast.bob)
    more = {"role": "owner", "sees_all_brands": "on", "is_active": "on", "workspace": str(cast.globex.pk)}
    client.post("/app/profile/", {"name": "Bobby", "email": "x@x.example", "password": "x", "is_superuser": "1"} | more)
    cast.bob.refresh_from_db()
    assert (cast.bob.name, cast.bob.email, cast.bob.role) == ("Bobby", "bob@acme.example", "operator")
    assert not cast.bob.sees_all_brands
    client.force_login(cast.alice)
    page = f"/app/team/{cast.bob.pk}/change/"
    form = {"name": "Bob", "role": "admin", "sees_all_brands": "on", "is_active": "on"}
    client.post(page, form | {"email": "x@x.example", "password": "x", "workspace": str(cast.globex.pk)})
    cast.bob.refresh_from_db()
    assert (cast.bob.role, cast.bob.email, cast.bob.workspace_id) == ("admin", "bob@acme.example", cast.acme.pk)
    assert cast.bob.check_password("build-er-9")


def test_admins_cannot_create_owners_and_nobody_can_change_their_own_role(client, cast):
    team.change_operator(cast.bob, by=cast.alice, role="admin", sees_all_brands=True)
    client.force_login(Operator.objects.get(pk=cast.bob.pk))
    form = {"name": "Eve", "email": "eve@acme.example", "sees_all_brands": "on"}
    refused = client.post("/app/team/add/", form | {"role": "owner"})
    assert "Only owners" in refused.content.decode()
    assert client.post("/app/team/add/", form | {"role": "admin"}).status_code == 302
    refused = client.post(
        f"/app/team/{cast.alice.pk}/change/", {"name": "Alice", "role": "operator", "sees_all_brands": "on"}
    )
    assert "Only owners" in refused.content.decode()
    client.post(f"/app/team/{cast.bob.pk}/change/", {"name": "Bob", "role": "owner", "is_active": ""})
    cast.bob.refresh_from_db()
    assert (cast.bob.role, cast.bob.is_active) == ("admin", True)


def test_deactivating_an_operator_ends_their_session_at_once(client, cast):
    sign_in(client, username="bob@acme.example", password="build-er-9")
    assert is_signed_in(client)
    team.change_operator(cast.bob, by=cast.alice, is_active=False)
    assert not is_signed_in(client)
    assert audited_actions()[-1] == "operator.changed"


def test_audit_entries_cannot_be_updated_or_deleted(cast):
    team.invite(cast.alice, email="carol@acme.example", name="Carol", role="operator")
    for statement in ("UPDATE accounts_auditentry SET actor = 'nobody'", "DELETE FROM accounts_auditentry"):
        with pytest.raises(Exception, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
    assert audited_actions() == ["operator.invited"]
