"""Guessing is slow for whoever guesses, and locks nobody out; without Valkey, too."""

import re
import threading
import time
from datetime import UTC, datetime, timedelta
from http.cookiejar import CookieJar
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, Request, build_opener

import pyotp
import pytest
import time_machine
from django.contrib.auth.hashers import Argon2PasswordHasher, MD5PasswordHasher
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext

from accounts import emails
from accounts.actions import two_factor
from accounts.known_clients import COOKIE, KNOWN_FOR, account_digest
from accounts.models import AuditEntry, FailedAttempt, KnownAddress, QueuedEmail
from accounts.tasks import forget_attempts
from bench.faults.processes import Valkey
from tests.dashboard.conftest import ARGON2
from tests.servers import Server

pytestmark = pytest.mark.django_db
ALICE = {"username": "alice@acme.example", "password": "wonder-land-9"}
MALLORY = {"username": "mallory@globex.example", "password": "mal-lory-9"}
WRONG = ALICE | {"password": "wrong"}
HOME = "198.51.100.7"


@pytest.fixture(autouse=True)
def limits(settings):
    settings.SIGN_INS_A_MINUTE = 5


@pytest.fixture
def clock():
    with time_machine.travel(datetime(2027, 1, 1, 12, 0, 5, tzinfo=UTC), tick=False) as travelling:
        yield travelling


def sign_in(client, form=ALICE, address=HOME):
    return client.post("/app/login/", form, REMOTE_ADDR=address)


def strangers_guess(times, form=WRONG, first=1):
    """The answers to so many attempts, each from an address and a browser of its own."""
    return [sign_in(Client(), form, f"203.0.113.{number}") for number in range(first, first + times)]


def codes_of(answers):
    return [answer.status_code for answer in answers]


def browser_of_alice(address=HOME):
    """A browser in which Alice has signed in, and out again."""
    client = Client()
    assert sign_in(client, address=address).status_code == 302
    client.post("/app/logout/")
    return client


def test_one_client_has_five_attempts_a_minute_for_one_account(client, cast, clock):
    assert codes_of(sign_in(client, WRONG) for _ in range(5)) == [200] * 5
    refused = sign_in(client)
    assert (refused.status_code, refused["Retry-After"]) == (429, "60")
    assert "Too many attempts. Try again in 60 seconds." in refused.content.decode()
    assert sign_in(client, MALLORY).status_code == 302
    assert sign_in(Client(), address="198.51.100.8").status_code == 302
    clock.shift(timedelta(seconds=61))
    assert sign_in(Client()).status_code == 302


def test_right_passwords_do_not_count(cast, clock):
    assert codes_of(sign_in(Client()) for _ in range(30)) == [302] * 30


def test_refused_attempts_do_not_count(client, cast, clock):
    for _ in range(30):
        sign_in(client, WRONG)
    assert FailedAttempt.objects.count() == 5


def test_one_address_has_twenty_attempts_a_minute_over_all_accounts(cast, clock):
    known = browser_of_alice()
    nobodies = [WRONG | {"username": f"nobody{number}@x.example"} for number in range(21)]
    assert codes_of(sign_in(Client(), form) for form in nobodies) == [200] * 20 + [429]
    assert sign_in(Client(), MALLORY).status_code == 429
    assert sign_in(Client(), MALLORY, "198.51.100.8").status_code == 302
    assert sign_in(known).status_code == 302  # a colleague's guesses, or a proxy's address, keep no known browser out


def test_one_ipv6_network_is_one_address(cast, clock):
    answers = [sign_in(Client(), WRONG, f"2001:db8:0:1::{number}") for number in range(1, 7)]
    assert codes_of(answers) == [200] * 5 + [429]
    assert sign_in(Client(), address="2001:db8:0:2::1").status_code == 302


def test_strangers_at_twenty_addresses_do_not_keep_the_owner_out(cast, clock):
    known = browser_of_alice()
    assert codes_of(strangers_guess(20)) == [200] * 10 + [429] * 10
    assert sign_in(known, address="192.0.2.1").status_code == 302  # her browser, on a journey
    assert sign_in(Client()).status_code == 302  # another browser, at home
    assert sign_in(Client(), MALLORY).status_code == 302
    elsewhere = sign_in(Client(), address="192.0.2.2")
    assert (elsewhere.status_code, elsewhere["Retry-After"]) == (429, "1")
    clock.shift(timedelta(seconds=1))
    assert sign_in(Client(), address="192.0.2.2").status_code == 302


def test_the_pauses_grow_to_a_minute_and_end_after_an_hour(cast, clock):
    strangers_guess(10)
    pauses = []
    for number in range(20, 29):
        [refused] = strangers_guess(1, first=number)
        assert refused.status_code == 429
        pauses.append(int(refused["Retry-After"]))
        clock.shift(timedelta(seconds=pauses[-1]))
        assert codes_of(strangers_guess(1, first=number)) == [200]
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    clock.shift(timedelta(hours=1, seconds=1))
    assert codes_of(strangers_guess(11, first=50)) == [200] * 10 + [429]


def test_a_known_browser_has_a_limit_of_its_own(cast, clock):
    """A thief's, or a colleague's at the same desk."""
    known = browser_of_alice()
    answers = []
    for _ in range(4):
        answers += [sign_in(known, WRONG, f"192.0.2.{number}") for number in range(1, 7)]
        clock.shift(timedelta(seconds=61))
    assert codes_of(answers) == ([200] * 5 + [429]) * 2 + [200, 429, 429, 429, 429, 429] * 2
    assert sign_in(Client()).status_code == 302


def test_no_other_cookie_makes_a_browser_known(cast, clock):
    value = browser_of_alice().cookies[COOKIE].value
    own = Client()
    sign_in(own, MALLORY, "192.0.2.9")
    own.post("/app/logout/")
    strangers_guess(10)
    assert sign_in(own, address="192.0.2.9").status_code == 429  # known to another account
    for forged in ("", "x", value[:-1], value.replace(".", "", 1), f"x{value}"):
        other = Client()
        other.cookies[COOKIE] = forged
        assert sign_in(other, address="192.0.2.8").status_code == 429, forged
    other.cookies[COOKIE] = value
    assert sign_in(other, address="192.0.2.8").status_code == 302
    clock.shift(KNOWN_FOR + timedelta(minutes=1))
    strangers_guess(10)
    other.cookies[COOKIE] = value
    assert sign_in(other, address="192.0.2.8").status_code == 429


def test_the_cookie_is_for_the_dashboard_only_and_names_nobody(cast, settings):
    settings.SESSION_COOKIE_SECURE = True
    cookie = browser_of_alice().cookies[COOKIE]
    assert (cookie["httponly"], cookie["secure"], cookie["samesite"], cookie["path"]) == (True, True, "Lax", "/app/")
    assert "alice" not in cookie.value
    assert str(cast.alice.pk) not in cookie.value


def test_one_browser_is_known_to_several_accounts(cast, clock):
    client = browser_of_alice()
    sign_in(client, MALLORY)
    client.post("/app/logout/")
    strangers_guess(10)
    strangers_guess(10, MALLORY | {"password": "wrong"})
    assert sign_in(client, address="192.0.2.1").status_code == 302
    client.post("/app/logout/")
    assert sign_in(client, MALLORY, address="192.0.2.1").status_code == 302


@pytest.mark.parametrize(
    "email", ["ALICE@acme.example", " alice@ACME.example ", "ａlice@acme.example", "alıce@acme.example"]
)
def test_one_account_is_one_however_its_address_is_spelled(email):
    assert account_digest(email) == account_digest("alice@acme.example")
    assert account_digest("alice@acme.examples") != account_digest("alice@acme.example")


def test_thirty_at_once_are_no_more_than_ten(transactional_db, cast, clock):
    """Each from an address of its own."""
    codes = []

    def guess(number):
        codes.append(sign_in(Client(), WRONG, f"203.0.113.{number}").status_code)
        connection.close()

    threads = [threading.Thread(target=guess, args=(number,)) for number in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == [200] * 10 + [429] * 20
    assert FailedAttempt.objects.count() == 10


def test_an_unknown_address_is_answered_by_the_same_work(cast, clock, settings, monkeypatch):
    """So that no time tells of an account: the same statements, and one hash."""
    settings.PASSWORD_HASHERS = [ARGON2]
    cast.alice.set_password(ALICE["password"])
    cast.alice.save()
    hashes, encode = [], Argon2PasswordHasher.encode
    verify = Argon2PasswordHasher.verify
    monkeypatch.setattr(Argon2PasswordHasher, "encode", lambda *args: hashes.append(1) or encode(*args))
    monkeypatch.setattr(Argon2PasswordHasher, "verify", lambda *args: hashes.append(1) or verify(*args))

    def work(email):
        hashes.clear()
        client = Client()
        with CaptureQueriesContext(connection) as queries:
            assert sign_in(client, {"username": email, "password": "wrong"}).status_code == 200
        statements = [query["sql"] for query in queries if "SAVEPOINT" not in query["sql"]]
        return [re.match(r"(SELECT|INSERT INTO|UPDATE) \S+", text)[0][:40] for text in statements], len(hashes)

    known = work("alice@acme.example")
    assert known == work("nobody@x.example")
    assert known[1] == 1
    assert 'INSERT INTO "accounts_auditentry"' in known[0]
    assert AuditEntry.objects.filter(action="operator.sign_in_failed").count() == 1


def test_no_password_is_hashed_in_a_transaction(transactional_db, cast, monkeypatch):
    seen = []
    for name in ("verify", "encode"):
        kept = getattr(MD5PasswordHasher, name)
        monkeypatch.setattr(
            MD5PasswordHasher, name, lambda *args, kept=kept: seen.append(connection.in_atomic_block) or kept(*args)
        )
    client = Client()
    sign_in(client, WRONG)
    sign_in(client)
    client.post("/app/profile/two-factor/off/", {"password": "wrong"})
    form = {"old_password": ALICE["password"], "new_password1": "looking-glass-8", "new_password2": "looking-glass-8"}
    assert client.post("/app/password_change/", form).status_code == 302
    assert len(seen) >= 4
    assert not any(seen)


def with_two_factor(operator):
    secret = two_factor.begin()
    return secret, two_factor.switch_on(operator, secret=secret, code=pyotp.TOTP(secret).now())


def try_code(client, code, address=HOME):
    sign_in(client, address=address)
    return client.post("/app/login/code/", {"code": code}, REMOTE_ADDR=address)


@pytest.mark.parametrize("wrong", ["000000", "aaaa-bbbb-cccc"], ids=["code", "recovery code"])
def test_codes_are_limited_and_lock_nobody_out(cast, clock, wrong):
    """By strangers who have the password."""
    _, recovery_codes = with_two_factor(cast.alice)
    known = Client()
    assert try_code(known, recovery_codes[0]).status_code == 302
    known.post("/app/logout/")
    here = Client()
    assert codes_of(try_code(here, wrong, "192.0.2.1") for _ in range(6)) == [200] * 5 + [429]
    answers = [try_code(Client(), wrong, f"203.0.113.{number}") for number in range(20)]
    assert codes_of(answers) == [200] * 5 + [429] * 15
    assert try_code(known, recovery_codes[1], "192.0.2.2").status_code == 302
    assert try_code(Client(), recovery_codes[2], "192.0.2.3").status_code == 429
    clock.shift(timedelta(seconds=61))
    assert try_code(Client(), recovery_codes[2], "192.0.2.3").status_code == 302


def test_a_password_alone_makes_no_browser_known(cast, clock):
    with_two_factor(cast.alice)
    client = Client()
    assert try_code(client, "000000").status_code == 200
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
def test_pages_that_ask_for_the_password_again_are_limited(cast, clock, path, field):
    owner, thief = Client(), Client()
    for client, address in ((owner, HOME), (thief, "203.0.113.1")):
        client.force_login(cast.alice)
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
def test_strangers_flood_no_mailbox_and_keep_nobody_from_a_link(cast, clock, email):
    client = Client()
    assert codes_of(ask_for_link(client, HOME, email) for _ in range(6)) == [302] * 5 + [429]
    answers = [ask_for_link(Client(), f"203.0.113.{number}", email) for number in range(20)]
    assert codes_of(answers) == [302] * 20
    assert QueuedEmail.objects.filter(email=email).count() == 10
    known = browser_of_alice("192.0.2.1")
    assert ask_for_link(known, "192.0.2.1").status_code == 302
    assert QueuedEmail.objects.filter(email="alice@acme.example").count() == (
        11 if email == "alice@acme.example" else 1
    )


def test_a_flood_of_requests_for_links_fills_no_mailbox(cast, clock):
    """From a new address every ten seconds, for two hours."""
    for number in range(2 * 3600 // 10):
        address = f"2001:db8:0:{number:x}::1"
        assert ask_for_link(Client(), address).status_code == 302
        clock.shift(timedelta(seconds=10))
    assert 20 <= QueuedEmail.objects.count() <= 60


def test_a_link_from_an_e_mail_makes_its_browser_known(cast, clock, mailoutbox):
    """The way in for an owner who is attacked and sits at a new computer."""
    strangers_guess(10)
    client = Client()
    assert sign_in(client, address="192.0.2.1").status_code == 429
    ask_for_link(client, "192.0.2.1")
    emails.send_due()
    link = "/app/" + re.search(r"https?://\S+", mailoutbox[0].body)[0].split("/app/", 1)[1]
    place = client.get(link)["Location"]
    form = {"new_password1": "looking-glass-8", "new_password2": "looking-glass-8"}
    assert client.post(place, form, REMOTE_ADDR="192.0.2.1").status_code == 302
    assert sign_in(client, ALICE | {"password": "looking-glass-8"}, "192.0.2.1").status_code == 302


def test_what_counts_no_more_is_deleted(cast, clock):
    strangers_guess(3)
    browser_of_alice()
    clock.shift(timedelta(minutes=59))
    forget_attempts()
    assert (FailedAttempt.objects.count(), KnownAddress.objects.count()) == (3, 1)
    clock.shift(timedelta(minutes=2))
    forget_attempts()
    assert (FailedAttempt.objects.count(), KnownAddress.objects.count()) == (0, 1)
    clock.shift(KNOWN_FOR)
    forget_attempts()
    assert KnownAddress.objects.count() == 0


class RealBrowser:
    """Signs in over HTTP, at an address that the proxy in front tells."""

    def __init__(self, server, address):
        self.url, self.address = f"{server.url}/app/login/", address
        self.opener = build_opener(HTTPCookieProcessor(CookieJar()))

    def sign_in(self, **form):
        token = re.search(r'csrfmiddlewaretoken" value="(\w+)"', self._ask().read().decode())[1]
        return self._ask(urlencode({**ALICE, **form, "csrfmiddlewaretoken": token}).encode())

    def _ask(self, data=None):
        headers = {"X-Forwarded-For": self.address, "Referer": self.url}
        try:
            return self.opener.open(Request(self.url, data, headers), timeout=30)
        except HTTPError as error:
            return error


@pytest.mark.live
def test_the_limits_hold_while_valkey_is_away(transactional_db, cast, tmp_path):
    with override_settings(PASSWORD_HASHERS=[ARGON2]):  # what the server reads
        cast.alice.set_password(ALICE["password"])
        cast.alice.save(update_fields=["password"])
    valkey = Valkey(tmp_path)
    valkey.start()
    try:
        with Server("--only", "web", WEB_PROCESSES="2", REDIS_URL=valkey.url) as server:
            valkey.stop()
            owner = RealBrowser(server, HOME)
            assert owner.sign_in().url.endswith("/app/")
            attacker = RealBrowser(server, "203.0.113.100")
            assert [attacker.sign_in(password="wrong").status for _ in range(6)] == [200] * 5 + [429]
            assert attacker.sign_in().status == 429
            statuses = [
                RealBrowser(server, f"203.0.113.{number}").sign_in(password="wrong").status for number in range(15)
            ]
            assert statuses[:5] == [200] * 5
            assert 429 in statuses
            began = time.monotonic()
            assert RealBrowser(server, HOME).sign_in().url.endswith("/app/")
            assert time.monotonic() - began < 10
    finally:
        valkey.stop()
