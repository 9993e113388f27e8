"""The management commands, called as from a terminal."""

import importlib
import io
import json
import os
import re
import stat
from datetime import timedelta

import pyotp
import pytest
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError

from accounts.actions import two_factor
from accounts.models import AuditEntry, Operator, Workspace
from conversations.models import Conversation
from integrations.models import ApiKey, WebhookSubscription
from praxtalk.demo import create_demo, demo_file
from tests.conftest import ApiKeyClient
from tests.sync.live_client import call_with_token


def run(*args, **options):
    out = io.StringIO()
    call_command(*args, stdout=out, **options)
    return out.getvalue()


@pytest.fixture
def data_dir(settings, tmp_path):
    settings.DATA_DIR = tmp_path / "data"


def test_bootstrap_creates_the_demo_once(db, data_dir, capsys):
    shown = run("bootstrap")
    demo = json.loads(demo_file().read_text())
    assert set(demo) == {"baseUrl", "email", "password", "writeKey", "readKey", "operatorToken", "widgetIds"}
    assert stat.S_IMODE(os.stat(demo_file()).st_mode) == 0o600
    assert demo["writeKey"] in shown
    assert demo["operatorToken"] in shown
    assert [row["_id"] for row in call_with_token(demo["operatorToken"], "brands:list")]
    assert demo["password"] in shown
    assert Operator.objects.get(email=demo["email"]).check_password(demo["password"])
    for key in ("writeKey", "readKey"):
        client = ApiKeyClient(demo[key])
        assert client.get("/api/v1/conversations?status=open").json()["conversations"]
        assert client.get("/api/v1/leads?status=contacted").json()["leads"]
        assert set(demo["widgetIds"].values()) == {b["widgetId"] for b in client.get("/api/v1/brands").json()["brands"]}
    before = (Workspace.objects.count(), ApiKey.objects.count(), Conversation.objects.count(), demo_file().read_text())
    again = run("bootstrap")
    assert demo["writeKey"] not in again
    assert (
        Workspace.objects.count(),
        ApiKey.objects.count(),
        Conversation.objects.count(),
        demo_file().read_text(),
    ) == before


def test_demo_is_created_only_in_an_empty_database(tenants, data_dir):
    assert create_demo() is None
    assert not demo_file().exists()


def test_create_workspace_creates_owner_and_brand(db, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("a long enough secret\n"))
    shown = run(
        "create_workspace", "Initech", "--email", "bill@initech.example", "--owner", "Bill", "--brand", "Tps Reports"
    )
    owner = Operator.objects.get(email="bill@initech.example")
    assert owner.check_password("a long enough secret")
    assert (owner.role, owner.workspace.name) == ("owner", "Initech")
    brand = owner.workspace.brands.get()
    assert brand.slug == "tps-reports"
    assert brand.widget_id in shown


@pytest.mark.parametrize(
    ("password", "email", "message"),
    [
        ("short", "a@b.example", "too short"),
        ("long enough 77", "no address", "valid email"),
        ("long enough 77", "ALICE@ACME.example", "already|violated"),
    ],
)
def test_create_workspace_rejects_invalid_input(tenants, monkeypatch, password, email, message):
    monkeypatch.setattr("sys.stdin", io.StringIO(password + "\n"))
    with pytest.raises(CommandError, match=message):
        run("create_workspace", "Initech", "--email", email, "--owner", "Bill")
    assert not Workspace.objects.filter(name="Initech").exists()


def secret_of(shown):
    return re.search(r"(ptk_live_\w+|whsec_\S+)", shown)[1]


def test_key_is_created_and_revoked(tenants):
    shown = run(
        "create_key",
        "CRM",
        "--scope",
        "write",
        "--workspace",
        "Acme",
        "--brand",
        "north",
        "--expires-in-days",
        "30",
        "--allow",
        "198.18.0.0/16",
    )
    key, client = ApiKey.objects.get(), ApiKeyClient(secret_of(shown))
    assert (key.brand, key.scope, key.allowed_cidrs) == (tenants.north, "write", ["198.18.0.0/16"])
    assert client.get("/api/v1/ping").status_code == 200
    assert str(key.pk) in run("revoke_key")
    assert "Revoked." in run("revoke_key", str(key.pk))
    assert "already revoked" in run("revoke_key", secret_of(shown))
    assert client.get("/api/v1/ping").status_code == 401


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["x", "--scope", "read"], "must be one of: Acme"),
        (["x", "--scope", "read", "--workspace", "Nobody"], "must be one of"),
        (["x", "--scope", "read", "--workspace", "Acme", "--brand", "west"], "one of: north, south"),
        (["x", "--scope", "read", "--workspace", "Acme", "--allow", "10.0.0.1/8"], "--allow"),
        (["x", "--scope", "read", "--workspace", "Acme", "--expires-in-days", "0"], "--expires-in-days"),
    ],
)
def test_create_key_rejects_invalid_arguments(tenants, arguments, message):
    with pytest.raises(CommandError, match=message):
        run("create_key", *arguments)
    assert not ApiKey.objects.exists()


def test_create_webhook_subscribes_to_the_named_or_all_events(tenants, settings):
    import ipaddress

    settings.WEBHOOK_ALLOW_CIDRS = [ipaddress.ip_network("127.0.0.0/8")]
    shown = run(
        "create_webhook", "http://127.0.0.1:9000/", "--workspace", "Acme", "--event", "lead.created", "--brand", "south"
    )
    webhook = WebhookSubscription.objects.get()
    assert secret_of(shown).startswith("whsec_")
    assert (webhook.workspace, webhook.brand, webhook.events) == (tenants.acme, tenants.south, ["lead.created"])
    run("create_webhook", "http://127.0.0.1:9000/", "--workspace", "Acme")
    assert len(WebhookSubscription.objects.order_by("created_at").last().events) == 5
    settings.WEBHOOK_ALLOW_CIDRS = []
    with pytest.raises(CommandError, match="only to public addresses"):
        run("create_webhook", "http://127.0.0.1:9000/", "--workspace", "Acme")


def test_visitor_writes_starts_a_conversation(tenants):
    shown = run("visitor_writes", "Hello there", "--workspace", "Acme", "--brand", "south")
    conversation = Conversation.objects.get(pk=shown.split()[1])
    assert (conversation.brand, conversation.preview) == (tenants.south, "Hello there")
    with pytest.raises(CommandError):
        run("visitor_writes", "  ", "--workspace", "Acme")


def test_reset_two_factor_disables_it_and_is_audited(tenants):
    with pytest.raises(CommandError, match="does not use two-factor"):
        run("reset_two_factor", "bob@acme.example")
    secret = two_factor.generate_secret()
    codes = two_factor.enable(tenants.bob, secret=secret, code=pyotp.TOTP(secret).now())
    run("reset_two_factor", "BOB@acme.example")
    tenants.bob.refresh_from_db()
    assert not tenants.bob.has_two_factor
    assert not two_factor.verify(tenants.bob, codes[0])
    entry = AuditEntry.objects.latest("created_at")
    assert (entry.action, entry.actor, entry.subject) == ("operator.two_factor_reset", "PraxTalk", "Bob")
    with pytest.raises(CommandError, match="e-mail"):
        run("reset_two_factor", "nobody@acme.example")


def test_operator_token_is_for_the_named_operator_and_lasts_at_most_12_hours(tenants):
    token = run("create_operator_token", "BOB@acme.example", hours=2).strip()
    assert len(call_with_token(token, "brands:list")) == 1
    session = tenants.bob.sessions.get()
    assert session.expires_at - session.created_at == timedelta(hours=2)
    for wrong in ({"hours": 13}, {"hours": 0}):
        with pytest.raises(CommandError, match="--hours"):
            run("create_operator_token", "bob@acme.example", **wrong)
    with pytest.raises(CommandError, match="e-mail"):
        run("create_operator_token", "nobody@acme.example")


def test_every_scheduled_task_exists():
    for name in settings.CELERY_BEAT_SCHEDULE:
        module, _, function = name.rpartition(".")
        assert callable(getattr(importlib.import_module(module), function)), name
