"""Two-factor authentication: codes, recovery codes, and its settings in the profile."""

import re
from datetime import UTC, datetime, timedelta

import pyotp
import pytest
import time_machine
from django.test import Client

from accounts.actions import two_factor
from accounts.models import Operator
from praxtalk.core.db.encryption import decrypt
from tests.dashboard.test_sign_in import ALICE, is_signed_in, sign_in, with_two_factor

pytestmark = pytest.mark.django_db


def test_with_two_factor_the_password_alone_gives_no_access(client, tenants):
    secret, _ = with_two_factor(tenants.alice)
    response = sign_in(client)
    assert response["Location"] == "/app/login/code/"
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
    assert client.post("/app/login/code/", {"code": f"{code[:3]} {code[3:]}"})["Location"] == "/app/home/"
    assert is_signed_in(client)


def test_a_code_works_once_and_for_its_owner_only(tenants):
    secret, _ = with_two_factor(tenants.alice)
    with_two_factor(tenants.mallory)
    now = datetime.now(UTC).replace(microsecond=0)
    with time_machine.travel(now + timedelta(minutes=5), tick=False):
        code = pyotp.TOTP(secret).now()
        assert not two_factor.verify(tenants.mallory, code)
        tenants.alice.refresh_from_db()
        assert two_factor.verify(tenants.alice, code)
        assert not two_factor.verify(tenants.alice, code)
        assert not two_factor.verify(tenants.alice, pyotp.TOTP(secret).at(now + timedelta(minutes=10)))
    with time_machine.travel(now + timedelta(minutes=7), tick=False):
        assert two_factor.verify(tenants.alice, pyotp.TOTP(secret).at(now + timedelta(minutes=7, seconds=30)))
        assert not two_factor.verify(
            tenants.alice, pyotp.TOTP(secret).now()
        )  # older than the last code that was accepted


@pytest.mark.parametrize("code", ["", "12345", "1234567", "abcdef", "१२३४५६", "\x00" * 6, "9" * 1000])
def test_malformed_codes_are_refused(client, tenants, code):
    with_two_factor(tenants.alice)
    sign_in(client)
    assert client.post("/app/login/code/", {"code": code}).status_code == 200
    assert not is_signed_in(client)


def test_a_recovery_code_works_once_and_is_stored_as_a_hash(client, tenants):
    _, codes = with_two_factor(tenants.alice)
    assert len(set(codes)) == 10
    stored = [bytes(each.digest) for each in tenants.alice.recovery_codes.all()]
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


def test_recovery_codes_work_when_the_totp_secret_cannot_be_decrypted(client, tenants):
    secret, codes = with_two_factor(tenants.bob)
    Operator.objects.filter(pk=tenants.bob.pk).update(encrypted_totp_secret="gone:AAAA")
    tenants.bob.refresh_from_db()
    assert not two_factor.verify(tenants.bob, pyotp.TOTP(secret).now())
    assert two_factor.verify(tenants.bob, codes[0])


def test_the_code_step_expires_after_ten_minutes_and_is_rate_limited(client, tenants, settings):
    settings.SIGN_INS_A_MINUTE = 5
    with time_machine.travel(datetime(2027, 1, 2, 12, 0, 5, tzinfo=UTC), tick=False) as clock:
        secret, _ = with_two_factor(tenants.alice)
        sign_in(client)
        for _ in range(5):
            assert client.post("/app/login/code/", {"code": "000000"}).status_code == 200
        assert client.post("/app/login/code/", {"code": pyotp.TOTP(secret).now()}).status_code == 429
        clock.shift(timedelta(minutes=11))
        response = client.post("/app/login/code/", {"code": pyotp.TOTP(secret).now()})
        assert response["Location"] == "/app/login/"
        assert not is_signed_in(client)


def test_two_factor_can_be_enabled_and_disabled_in_the_profile(client, tenants):
    client.force_login(tenants.alice)
    page = client.get("/app/profile/two-factor/on/").content.decode()
    secret = re.search(r'class="secret">([A-Z2-7 ]+)<', page)[1].replace(" ", "")
    assert client.post("/app/profile/two-factor/on/", {"code": "000000"}).status_code == 422
    response = client.post("/app/profile/two-factor/on/", {"code": pyotp.TOTP(secret).now()})
    codes = re.findall(r"<code>([a-z0-9-]{14})</code>", response.content.decode())
    assert len(codes) == 10
    assert "no-store" in response["Cache-Control"]
    tenants.alice.refresh_from_db()
    assert decrypt(tenants.alice.encrypted_totp_secret) == secret
    assert secret not in tenants.alice.encrypted_totp_secret
    assert client.get("/app/profile/two-factor/on/").status_code == 302  # it cannot be enabled twice
    assert client.post("/app/profile/two-factor/off/", {"password": "wrong"}).status_code == 422
    tenants.alice.refresh_from_db()
    assert tenants.alice.has_two_factor
    assert client.post("/app/profile/two-factor/off/", {"password": ALICE["password"]}).status_code == 302
    tenants.alice.refresh_from_db()
    assert not tenants.alice.has_two_factor
    assert tenants.alice.recovery_codes.count() == 0
