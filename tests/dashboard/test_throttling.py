"""Rate limits of sign-in: they slow guessing down and lock nobody else out, with and without Valkey."""

import re
import threading
import time
from datetime import UTC, datetime, timedelta
from http.cookiejar import CookieJar
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, Request, build_opener

import pytest
import time_machine
from django.contrib.auth.hashers import Argon2PasswordHasher, MD5PasswordHasher
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext

from accounts.known_clients import COOKIE, KNOWN_FOR, account_digest
from accounts.models import AuditEntry, FailedAttempt, KnownAddress
from accounts.tasks import purge_failed_attempts
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


def guess_from_new_addresses(times, form=WRONG, first=1):
    """Make `times` attempts, each from another IP address and browser, and return the responses."""
    return [sign_in(Client(), form, f"203.0.113.{number}") for number in range(first, first + times)]


def statuses_of(responses):
    return [response.status_code for response in responses]


def known_browser_of_alice(address=HOME):
    """Return a client in which Alice has signed in and out again, so that it is a known browser of hers."""
    client = Client()
    assert sign_in(client, address=address).status_code == 302
    client.post("/app/logout/")
    return client


def test_one_client_has_five_attempts_a_minute_for_one_account(client, tenants, clock):
    assert statuses_of(sign_in(client, WRONG) for _ in range(5)) == [200] * 5
    refused = sign_in(client)
    assert (refused.status_code, refused["Retry-After"]) == (429, "60")
    assert "Too many attempts. Try again in 60 seconds." in refused.content.decode()
    assert sign_in(client, MALLORY).status_code == 302
    assert sign_in(Client(), address="198.51.100.8").status_code == 302
    clock.shift(timedelta(seconds=61))
    assert sign_in(Client()).status_code == 302


def test_successful_sign_ins_do_not_count(tenants, clock):
    assert statuses_of(sign_in(Client()) for _ in range(30)) == [302] * 30


def test_refused_attempts_do_not_count(client, tenants, clock):
    for _ in range(30):
        sign_in(client, WRONG)
    assert FailedAttempt.objects.count() == 5


def test_one_address_has_twenty_attempts_a_minute_over_all_accounts(tenants, clock):
    known = known_browser_of_alice()
    nobodies = [WRONG | {"username": f"nobody{number}@x.example"} for number in range(21)]
    assert statuses_of(sign_in(Client(), form) for form in nobodies) == [200] * 20 + [429]
    assert sign_in(Client(), MALLORY).status_code == 429
    assert sign_in(Client(), MALLORY, "198.51.100.8").status_code == 302
    # Guesses of others behind the same address do not lock a known browser out.
    assert sign_in(known).status_code == 302


def test_addresses_of_one_ipv6_network_count_as_one(tenants, clock):
    responses = [sign_in(Client(), WRONG, f"2001:db8:0:1::{number}") for number in range(1, 7)]
    assert statuses_of(responses) == [200] * 5 + [429]
    assert sign_in(Client(), address="2001:db8:0:2::1").status_code == 302


def test_guesses_from_twenty_addresses_do_not_lock_the_owner_out(tenants, clock):
    known = known_browser_of_alice()
    assert statuses_of(guess_from_new_addresses(20)) == [200] * 10 + [429] * 10
    assert sign_in(known, address="192.0.2.1").status_code == 302  # her known browser, at another address
    assert sign_in(Client()).status_code == 302  # another browser, at her known address
    assert sign_in(Client(), MALLORY).status_code == 302
    elsewhere = sign_in(Client(), address="192.0.2.2")
    assert (elsewhere.status_code, elsewhere["Retry-After"]) == (429, "1")
    clock.shift(timedelta(seconds=1))
    assert sign_in(Client(), address="192.0.2.2").status_code == 302


def test_delays_after_failed_guesses_grow_to_a_minute_and_reset_after_an_hour(tenants, clock):
    guess_from_new_addresses(10)
    pauses = []
    for number in range(20, 29):
        [refused] = guess_from_new_addresses(1, first=number)
        assert refused.status_code == 429
        pauses.append(int(refused["Retry-After"]))
        clock.shift(timedelta(seconds=pauses[-1]))
        assert statuses_of(guess_from_new_addresses(1, first=number)) == [200]
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    clock.shift(timedelta(hours=1, seconds=1))
    assert statuses_of(guess_from_new_addresses(11, first=50)) == [200] * 10 + [429]


def test_a_known_browser_has_its_own_limit(tenants, clock):
    """So a thief of the browser or a colleague at the same desk cannot guess without limit."""
    known = known_browser_of_alice()
    responses = []
    for _ in range(4):
        responses += [sign_in(known, WRONG, f"192.0.2.{number}") for number in range(1, 7)]
        clock.shift(timedelta(seconds=61))
    assert statuses_of(responses) == ([200] * 5 + [429]) * 2 + [200, 429, 429, 429, 429, 429] * 2
    assert sign_in(Client()).status_code == 302


def test_a_forged_foreign_or_expired_cookie_makes_no_browser_known(tenants, clock):
    value = known_browser_of_alice().cookies[COOKIE].value
    own = Client()
    sign_in(own, MALLORY, "192.0.2.9")
    own.post("/app/logout/")
    guess_from_new_addresses(10)
    assert sign_in(own, address="192.0.2.9").status_code == 429  # this browser is known to another account only
    for forged in ("", "x", value[:-1], value.replace(".", "", 1), f"x{value}"):
        other = Client()
        other.cookies[COOKIE] = forged
        assert sign_in(other, address="192.0.2.8").status_code == 429, forged
    other.cookies[COOKIE] = value
    assert sign_in(other, address="192.0.2.8").status_code == 302
    clock.shift(KNOWN_FOR + timedelta(minutes=1))
    guess_from_new_addresses(10)
    other.cookies[COOKIE] = value
    assert sign_in(other, address="192.0.2.8").status_code == 429


def test_the_known_browser_cookie_is_limited_to_the_dashboard_and_anonymous(tenants, settings):
    settings.SESSION_COOKIE_SECURE = True
    cookie = known_browser_of_alice().cookies[COOKIE]
    assert (cookie["httponly"], cookie["secure"], cookie["samesite"], cookie["path"]) == (True, True, "Lax", "/app/")
    assert "alice" not in cookie.value
    assert str(tenants.alice.pk) not in cookie.value


def test_one_browser_can_be_known_to_several_accounts(tenants, clock):
    client = known_browser_of_alice()
    sign_in(client, MALLORY)
    client.post("/app/logout/")
    guess_from_new_addresses(10)
    guess_from_new_addresses(10, MALLORY | {"password": "wrong"})
    assert sign_in(client, address="192.0.2.1").status_code == 302
    client.post("/app/logout/")
    assert sign_in(client, MALLORY, address="192.0.2.1").status_code == 302


@pytest.mark.parametrize(
    "email", ["ALICE@acme.example", " alice@ACME.example ", "ａlice@acme.example", "alıce@acme.example"]
)
def test_spellings_of_one_e_mail_address_share_one_limit(email):
    assert account_digest(email) == account_digest("alice@acme.example")
    assert account_digest("alice@acme.examples") != account_digest("alice@acme.example")


def test_of_thirty_simultaneous_guesses_only_ten_are_checked(transactional_db, tenants, clock):
    """Each guess comes from another IP address."""
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


def test_an_unknown_address_causes_the_same_queries_and_hashing(tenants, clock, settings, monkeypatch):
    """The same statements and one hash, so that the response time does not reveal whether an account exists."""
    settings.PASSWORD_HASHERS = [ARGON2]
    tenants.alice.set_password(ALICE["password"])
    tenants.alice.save()
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


def test_no_password_is_hashed_inside_a_transaction(transactional_db, tenants, monkeypatch):
    in_transaction = []
    for name in ("verify", "encode"):
        original = getattr(MD5PasswordHasher, name)
        monkeypatch.setattr(
            MD5PasswordHasher,
            name,
            lambda *args, original=original: in_transaction.append(connection.in_atomic_block) or original(*args),
        )
    client = Client()
    sign_in(client, WRONG)
    sign_in(client)
    client.post("/app/profile/two-factor/off/", {"password": "wrong"})
    form = {"old_password": ALICE["password"], "new_password1": "looking-glass-8", "new_password2": "looking-glass-8"}
    assert client.post("/app/password_change/", form).status_code == 302
    assert len(in_transaction) >= 4
    assert not any(in_transaction)


def test_attempts_and_known_addresses_are_deleted_once_they_no_longer_count(tenants, clock):
    guess_from_new_addresses(3)
    known_browser_of_alice()
    clock.shift(timedelta(minutes=59))
    purge_failed_attempts()
    assert (FailedAttempt.objects.count(), KnownAddress.objects.count()) == (3, 1)
    clock.shift(timedelta(minutes=2))
    purge_failed_attempts()
    assert (FailedAttempt.objects.count(), KnownAddress.objects.count()) == (0, 1)
    clock.shift(KNOWN_FOR)
    purge_failed_attempts()
    assert KnownAddress.objects.count() == 0


class RealBrowser:
    """A client that signs in over HTTP, with a client address that a reverse proxy reports in `X-Forwarded-For`."""

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


@pytest.mark.slow
@pytest.mark.live
def test_sign_in_limits_hold_without_valkey(transactional_db, tenants, tmp_path):
    with override_settings(PASSWORD_HASHERS=[ARGON2]):  # the server process does not use the tests' fast hasher
        tenants.alice.set_password(ALICE["password"])
        tenants.alice.save(update_fields=["password"])
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
