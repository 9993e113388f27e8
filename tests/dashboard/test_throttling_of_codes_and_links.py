"""The limits of two-factor codes, password confirmations and reset links."""

import re
from datetime import timedelta

import pyotp
import pytest
from django.test import Client

from accounts import emails
from accounts.actions import two_factor
from accounts.known_clients import COOKIE
from accounts.models import KnownAddress, QueuedEmail
from tests.dashboard.test_throttling import (
    ALICE,
    HOME,
    clock,
    guess_from_new_addresses,
    known_browser_of_alice,
    limits,
    sign_in,
    statuses_of,
)

__all__ = ["clock", "limits"]

pytestmark = pytest.mark.django_db


def with_two_factor(operator):
    secret = two_factor.generate_secret()
    return secret, two_factor.enable(operator, secret=secret, code=pyotp.TOTP(secret).now())


def sign_in_with_code(client, code, address=HOME):
    sign_in(client, address=address)
    return client.post("/app/login/code/", {"code": code}, REMOTE_ADDR=address)


@pytest.mark.parametrize("wrong", ["000000", "aaaa-bbbb-cccc"], ids=["TOTP code", "recovery code"])
def test_two_factor_codes_are_limited_without_locking_known_browsers_out(tenants, clock, wrong):
    """The guesses come from people who already know the password."""
    _, recovery_codes = with_two_factor(tenants.alice)
    known = Client()
    assert sign_in_with_code(known, recovery_codes[0]).status_code == 302
    known.post("/app/logout/")
    here = Client()
    assert statuses_of(sign_in_with_code(here, wrong, "192.0.2.1") for _ in range(6)) == [200] * 5 + [429]
    responses = [sign_in_with_code(Client(), wrong, f"203.0.113.{number}") for number in range(20)]
    assert statuses_of(responses) == [200] * 5 + [429] * 15
    assert sign_in_with_code(known, recovery_codes[1], "192.0.2.2").status_code == 302
    assert sign_in_with_code(Client(), recovery_codes[2], "192.0.2.3").status_code == 429
    clock.shift(timedelta(seconds=61))
    assert sign_in_with_code(Client(), recovery_codes[2], "192.0.2.3").status_code == 302


def test_a_password_without_the_second_factor_makes_no_browser_known(tenants, clock):
    with_two_factor(tenants.alice)
    client = Client()
    assert sign_in_with_code(client, "000000").status_code == 200
    assert COOKIE not in client.cookies
    assert KnownAddress.objects.count() == 0


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/app/profile/two-factor/off/", "password"),
        ("/app/profile/two-factor/recovery-codes/", "password"),
        ("/app/password_change/", "old_password"),
    ],
)
def test_forms_that_confirm_the_password_are_limited(tenants, clock, path, field):
    owner, thief = Client(), Client()
    for client, address in ((owner, HOME), (thief, "203.0.113.1")):
        client.force_login(tenants.alice)
        pages = [client.post(path, {field: "wrong"}, REMOTE_ADDR=address).content.decode() for _ in range(5)]
        assert not any("Too many attempts" in page for page in pages)
        if client is thief:
            form = {field: ALICE["password"]}
            assert "Too many attempts" in client.post(path, form, REMOTE_ADDR=address).content.decode()
        clock.shift(timedelta(seconds=61))
    form = {field: ALICE["password"], "new_password1": "looking-glass-8", "new_password2": "looking-glass-8"}
    assert owner.post(path, form, REMOTE_ADDR=HOME).status_code == 302


def ask_for_link(client, address, email="alice@acme.example"):
    return client.post("/app/forgotten/", {"email": email}, REMOTE_ADDR=address)


@pytest.mark.parametrize("email", ["alice@acme.example", "nobody@x.example"])
def test_reset_requests_of_others_flood_no_mailbox_and_block_no_known_browser(tenants, clock, email):
    client = Client()
    assert statuses_of(ask_for_link(client, HOME, email) for _ in range(6)) == [302] * 5 + [429]
    responses = [ask_for_link(Client(), f"203.0.113.{number}", email) for number in range(20)]
    assert statuses_of(responses) == [302] * 20
    assert QueuedEmail.objects.filter(email=email).count() == 10
    known = known_browser_of_alice("192.0.2.1")
    assert ask_for_link(known, "192.0.2.1").status_code == 302
    assert QueuedEmail.objects.filter(email="alice@acme.example").count() == (
        11 if email == "alice@acme.example" else 1
    )


def test_reset_mails_stay_few_during_two_hours_of_requests(tenants, clock):
    """A request comes from a new IP address every thirty seconds."""
    for number in range(2 * 3600 // 30):
        address = f"2001:db8:0:{number:x}::1"
        assert ask_for_link(Client(), address).status_code == 302
        clock.shift(timedelta(seconds=30))
    assert 20 <= QueuedEmail.objects.count() <= 60


def test_following_a_reset_link_makes_the_browser_known(tenants, clock, mailoutbox):
    """An owner whose account is under attack can thus sign in from a new computer."""
    guess_from_new_addresses(10)
    client = Client()
    assert sign_in(client, address="192.0.2.1").status_code == 429
    ask_for_link(client, "192.0.2.1")
    emails.send_due()
    link = "/app/" + re.search(r"https?://\S+", mailoutbox[0].body)[0].split("/app/", 1)[1]
    form_path = client.get(link)["Location"]
    form = {"new_password1": "looking-glass-8", "new_password2": "looking-glass-8"}
    assert client.post(form_path, form, REMOTE_ADDR="192.0.2.1").status_code == 302
    assert sign_in(client, ALICE | {"password": "looking-glass-8"}, "192.0.2.1").status_code == 302
