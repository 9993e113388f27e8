"""SECRET_KEY can be rotated without signing anybody out: SECRET_KEY_FALLBACKS still verify, only SECRET_KEY signs."""

import os
import secrets
import subprocess
import sys

import pytest
from django.test import Client
from django.utils import timezone
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from accounts import emails
from conversations.models import Visitor
from tests.conftest import ApiKeyClient, make_conversation
from tests.servers import PROJECT
from tests.sync.live_client import call_with_token
from tests.sync.sockets import RequestFailed
from tests.tiers import slow
from tests.widget.visitors import VisitorClient
from widget.magic_links import FRAGMENT, magic_link

pytestmark = pytest.mark.django_db


def session(tenants, api_client):
    client = Client()
    client.force_login(tenants.alice)
    return lambda: client.get("/app/profile/").status_code == 200


def cursor(tenants, api_client):
    for _ in range(2):
        make_conversation(tenants.north)
    page = api_client.get("/api/v1/conversations?limit=1").json()
    following = {"limit": 1, "cursor": page["nextCursor"]}
    return lambda: ApiKeyClient(api_client.secret).get("/api/v1/conversations", following).status_code == 200


def password_link(tenants, api_client):
    token = emails.reset_tokens.make_token(tenants.alice)
    return lambda: link_is_valid("password", tenants.alice, token)


def invitation(tenants, api_client):
    tenants.bob.invited_at = timezone.now()
    tenants.bob.save(update_fields=["invited_at"])
    token = emails.invitation_tokens.make_token(tenants.bob)
    return lambda: link_is_valid("join", tenants.bob, token)


def link_is_valid(path, operator, token):
    """Return whether the link is valid. Django redirects a valid link to the form, and shows an error page for others."""
    uid = urlsafe_base64_encode(force_bytes(operator.pk))
    return Client().get(f"/app/{path}/{uid}/{token}/").status_code == 302


def operator_token(tenants, api_client):
    from accounts.actions.operator_tokens import issue_token

    token, _ = issue_token(tenants.alice)

    def works():
        try:
            return bool(call_with_token(token, "brands:list"))
        except RequestFailed:
            return False

    return works


def visitor_token(tenants, api_client):
    visitor_client = VisitorClient(tenants.north)
    visitor_client.start()
    return lambda: visitor_client.thread().status_code == 200


def link_in_a_mail_to_a_visitor(tenants, api_client):
    visitor_client = VisitorClient(tenants.north)
    visitor_client.start()
    code = magic_link(Visitor.objects.select_related("brand").get()).split(FRAGMENT)[1]
    form = {"widgetId": tenants.north.widget_id, "code": code}
    return lambda: VisitorClient(tenants.north).post("return", form).status_code == 200


SIGNERS = (session, cursor, password_link, invitation, operator_token, visitor_token, link_in_a_mail_to_a_visitor)


def rotate(settings):
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    settings.SECRET_KEY = secrets.token_urlsafe(48)


@pytest.mark.parametrize("sign", SIGNERS)
def test_signature_of_an_earlier_key_is_valid_while_the_key_is_a_fallback(sign, tenants, api_client, settings):
    is_good = sign(tenants, api_client)
    rotate(settings)
    rotate(settings)
    assert is_good()


@pytest.mark.parametrize("sign", SIGNERS)
def test_signature_of_an_earlier_key_is_rejected_without_the_fallback(sign, tenants, api_client, settings):
    is_good = sign(tenants, api_client)
    rotate(settings)
    settings.SECRET_KEY_FALLBACKS = []
    assert not is_good()


@pytest.mark.parametrize("sign", SIGNERS)
def test_new_signatures_use_only_the_new_key(sign, tenants, api_client, settings):
    rotate(settings)
    is_good = sign(tenants, api_client)
    settings.SECRET_KEY_FALLBACKS = []
    assert is_good()


def test_session_is_signed_again_with_the_new_key_when_used(tenants, api_client, settings):
    is_good = session(tenants, api_client)
    rotate(settings)
    assert is_good()
    settings.SECRET_KEY_FALLBACKS = []
    assert is_good()


def settings_value(expression, **environment):
    """Return the value of an expression over the settings in a process with these variables, or its error output."""
    process = subprocess.run(
        [sys.executable, "-c", f"from praxtalk import settings; print({expression})"],
        cwd=PROJECT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return process.stdout.strip() if process.returncode == 0 else process.stderr


@pytest.mark.slow
def test_fallbacks_are_comma_separated_and_empty_ones_are_ignored():
    one, two = "a" * 50, "b" * 50
    assert settings_value("settings.SECRET_KEY_FALLBACKS", SECRET_KEY_FALLBACKS="") == "[]"
    assert settings_value("settings.SECRET_KEY_FALLBACKS", SECRET_KEY_FALLBACKS=f"{one}, {two},") == str([one, two])
    for wrong in ("short", f"{one},short", f",{one}"):
        assert "SECRET_KEY_FALLBACKS is missing or invalid" in settings_value("1", SECRET_KEY_FALLBACKS=wrong)


HEADER = """
import django
django.setup()
from django.test import Client
print(Client(SERVER_NAME="chat.example.com").get("/healthz", secure=True).headers["Strict-Transport-Security"])
"""


@pytest.mark.parametrize(
    ("scope", "header"),
    [
        *slow(
            ("", "max-age=31536000"),
            ("host", "max-age=31536000"),
            ("subdomains", "max-age=31536000; includeSubDomains"),
        ),
        ("preload", "max-age=31536000; includeSubDomains; preload"),
    ],
)
def test_hsts_covers_other_hosts_only_if_configured(scope, header):
    environment = os.environ | {"BASE_URL": "https://chat.example.com", "DJANGO_SETTINGS_MODULE": "praxtalk.settings"}
    if scope:
        environment["HSTS_SCOPE"] = scope
    shown = subprocess.run(
        [sys.executable, "-c", HEADER], cwd=PROJECT, env=environment, capture_output=True, text=True, check=False
    )
    assert shown.stdout.strip() == header, shown.stderr
