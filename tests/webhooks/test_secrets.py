"""Signing secrets: encrypted, and rotated without rejected deliveries."""

import io
import json
import subprocess
from datetime import timedelta

import pytest
import time_machine
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command
from django.utils import timezone
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from integrations.actions.subscriptions import (
    NothingToPromote,
    OldSecretStillSigns,
    promote_secret,
    purge_expired_secrets,
    retire_secret,
    rotate_secret,
)
from integrations.models import Attempt, Delivery
from leads.actions import create_lead
from praxtalk.core.api.models import IdempotencyRecord
from praxtalk.core.db import encryption
from praxtalk.core.db.encryption import decrypt, encrypt
from tests.webhooks.conftest import deliver_due
from tests.webhooks.receivers import receiver
from tests.webhooks.test_delivery import SEED_VERIFIERS


@pytest.fixture
def accepts(tenants, tmp_path):
    """Return `accepts(endpoint, secret)`, which sends a delivery.

    It returns whether both published verifiers accept it, and whether the Standard Webhooks library does.
    """
    script = tmp_path / "verify.mjs"
    script.write_text(SEED_VERIFIERS)

    def check(endpoint, secret):
        create_lead(tenants.acme.pk, name="Maya")
        deliver_due()
        request = endpoint.requests[-1]
        body = tmp_path / "body"
        body.write_bytes(request.body)
        header = request.headers["X-PraxTalk-Signature"]
        seeds = subprocess.run(["node", script, secret, header, body], check=False).returncode == 0
        try:
            standard = Webhook(secret).verify(request.body, request.headers) == json.loads(request.body)
        except WebhookVerificationError:
            standard = False
        return seeds, standard

    return check


def test_each_stage_of_a_rotation_signs_with_the_documented_secrets(tenants, subscribe, accepts):
    """The published verifiers read only the first v1 field, a Standard Webhooks library reads all of them."""
    with receiver() as endpoint, time_machine.travel(timezone.now()) as clock:
        webhook, old = subscribe(endpoint.url)
        assert accepts(endpoint, old) == (True, True)
        new = rotate_secret(webhook)
        assert (accepts(endpoint, old), accepts(endpoint, new)) == ((True, True), (False, True))
        promote_secret(webhook)
        promote_secret(webhook)  # promoting again changes nothing
        assert (accepts(endpoint, old), accepts(endpoint, new)) == ((False, True), (True, True))
        clock.shift(timedelta(hours=24, minutes=1))
        assert (accepts(endpoint, old), accepts(endpoint, new)) == ((False, False), (True, True))
        assert endpoint.requests[-1].headers["X-PraxTalk-Signature"].count("v1=") == 1
        assert purge_expired_secrets() == 1
        webhook.refresh_from_db()
        assert webhook.encrypted_second_secret == ""
        assert decrypt(webhook.encrypted_secret) == new


def test_leaked_secret_can_be_retired_at_once(tenants, subscribe, accepts):
    with receiver() as endpoint:
        webhook, old = subscribe(endpoint.url)
        new = rotate_secret(webhook)
        promote_secret(webhook)
        retire_secret(webhook)
        assert (accepts(endpoint, old), accepts(endpoint, new)) == ((False, False), (True, True))
        with pytest.raises(NothingToPromote):
            promote_secret(webhook)


def test_restarted_rotation_replaces_the_new_secret(tenants, subscribe):
    webhook, old = subscribe("http://127.0.0.1:9999/")
    first, second = rotate_secret(webhook), rotate_secret(webhook)
    webhook.refresh_from_db()
    assert [decrypt(each) for each in webhook.secrets_at(timezone.now())] == [old, second]
    assert first != second
    promote_secret(webhook)
    with pytest.raises(OldSecretStillSigns):
        rotate_secret(webhook)
    with time_machine.travel(timezone.now() + timedelta(hours=25)):
        rotate_secret(webhook)


@pytest.fixture
def keys(settings):
    """Return `keys("k2", "k1")`, which sets ENCRYPTION_KEYS to the keys of these ids, newest first."""
    keys_by_id = {"k1": settings.ENCRYPTION_KEYS.split(":", 1)[1].split(",")[0], "k2": Fernet.generate_key().decode()}
    first_id = settings.ENCRYPTION_KEYS.split(":", 1)[0]

    def choose(*ids):
        settings.ENCRYPTION_KEYS = ",".join(f"{first_id if each == 'k1' else each}:{keys_by_id[each]}" for each in ids)
        encryption._ciphers.cache_clear()

    yield choose
    choose("k1")


def test_secrets_are_reencrypted_with_the_newest_key(tenants, subscribe, keys):
    webhook, old = subscribe("http://127.0.0.1:9999/")
    new = rotate_secret(webhook)
    stored = IdempotencyRecord.objects.create(
        workspace_id=tenants.acme.pk, caller_id=tenants.acme.pk, key="k", fingerprint=b"", body=encrypt("{}")
    )
    keys("k2", "k1")
    of_brands = 3
    again = [call_reencrypt(), call_reencrypt()]
    assert again == [f"Re-encrypted: {3 + of_brands}.\n", "Re-encrypted: 0.\n"]
    keys("k2")
    webhook.refresh_from_db()
    stored.refresh_from_db()
    assert [decrypt(each) for each in webhook.secrets_at(timezone.now())] == [old, new]
    assert decrypt(stored.body) == "{}"


def call_reencrypt():
    out = io.StringIO()
    call_command("reencrypt_secrets", stdout=out, stderr=io.StringIO())
    return out.getvalue()


def test_undecryptable_secret_is_reported_and_deliveries_wait(tenants, subscribe, keys):
    with receiver() as endpoint:
        subscribe(endpoint.url)
        create_lead(tenants.acme.pk, name="Maya")
        keys("k2")
        with pytest.raises(CommandError, match="4 values could not be decrypted"):
            call_reencrypt()
        deliver_due()
        assert endpoint.requests == []
        assert "ENCRYPTION_KEYS has no key" in Attempt.objects.get().error
        assert Delivery.objects.get().status == "pending"
        keys("k2", "k1")
        with time_machine.travel(timezone.now() + timedelta(minutes=1)):
            deliver_due()
    assert Delivery.objects.get().status == "succeeded"
