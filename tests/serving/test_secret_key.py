"""SECRET_KEY is replaced without losing anybody: SECRET_KEY_FALLBACKS still verifies, SECRET_KEY alone signs."""

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
from tests.conftest import Caller, make_talk
from tests.servers import PROJECT
from tests.sync.live_client import ask_with
from tests.sync.sockets import Failed
from tests.widget.visitors import Browser
from widget.magic_links import FRAGMENT, return_link

pytestmark = pytest.mark.django_db


def session(cast, crm):
    client = Client()
    client.force_login(cast.alice)
    return lambda: client.get("/app/profile/").status_code == 200


def cursor(cast, crm):
    for _ in range(2):
        make_talk(cast.north)
    page = crm.get("/api/v1/conversations?limit=1").json()
    following = {"limit": 1, "cursor": page["nextCursor"]}
    return lambda: Caller(crm.secret).get("/api/v1/conversations", following).status_code == 200


def password_link(cast, crm):
    token = emails.reset_tokens.make_token(cast.alice)
    return lambda: opens("password", cast.alice, token)


def invitation(cast, crm):
    cast.bob.invited_at = timezone.now()
    cast.bob.save(update_fields=["invited_at"])
    token = emails.invitation_tokens.make_token(cast.bob)
    return lambda: opens("join", cast.bob, token)


def opens(path, operator, token):
    """Django redirects from a link that is good to the form, and shows the others a refusal."""
    uid = urlsafe_base64_encode(force_bytes(operator.pk))
    return Client().get(f"/app/{path}/{uid}/{token}/").status_code == 302


def operator_token(cast, crm):
    from accounts.operator_tokens import issue_token

    token, _ = issue_token(cast.alice)

    def works():
        try:
            return bool(ask_with(token, "brands:list"))
        except Failed:
            return False

    return works


def visitor_token(cast, crm):
    browser = Browser(cast.north)
    browser.start()
    return lambda: browser.thread().status_code == 200


def link_in_a_mail_to_a_visitor(cast, crm):
    browser = Browser(cast.north)
    browser.start()
    code = return_link(Visitor.objects.select_related("brand").get()).split(FRAGMENT)[1]
    form = {"widgetId": cast.north.widget_id, "code": code}
    return lambda: Browser(cast.north).post("return", form).status_code == 200


SIGNED = (session, cursor, password_link, invitation, operator_token, visitor_token, link_in_a_mail_to_a_visitor)


def rotate(settings):
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    settings.SECRET_KEY = secrets.token_urlsafe(48)


@pytest.mark.parametrize("sign", SIGNED)
def test_what_an_earlier_key_signed_is_good_as_long_as_it_is_a_fallback(sign, cast, crm, settings):
    is_good = sign(cast, crm)
    rotate(settings)
    rotate(settings)
    assert is_good()


@pytest.mark.parametrize("sign", SIGNED)
def test_without_the_fallback_it_is_refused(sign, cast, crm, settings):
    is_good = sign(cast, crm)
    rotate(settings)
    settings.SECRET_KEY_FALLBACKS = []
    assert not is_good()


@pytest.mark.parametrize("sign", SIGNED)
def test_only_the_new_key_signs(sign, cast, crm, settings):
    rotate(settings)
    is_good = sign(cast, crm)
    settings.SECRET_KEY_FALLBACKS = []
    assert is_good()


def test_a_session_is_signed_anew_when_it_is_used(cast, crm, settings):
    is_good = session(cast, crm)
    rotate(settings)
    assert is_good()
    settings.SECRET_KEY_FALLBACKS = []
    assert is_good()


def read(expression, **environment):
    """What a process with these variables makes of an expression over its settings."""
    made = subprocess.run(
        [sys.executable, "-c", f"from praxtalk import settings; print({expression})"],
        cwd=PROJECT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return made.stdout.strip() if made.returncode == 0 else made.stderr


def test_fallbacks_are_separated_by_commas_and_an_empty_one_is_none():
    one, two = "a" * 50, "b" * 50
    assert read("settings.SECRET_KEY_FALLBACKS", SECRET_KEY_FALLBACKS="") == "[]"
    assert read("settings.SECRET_KEY_FALLBACKS", SECRET_KEY_FALLBACKS=f"{one}, {two},") == str([one, two])
    for wrong in ("short", f"{one},short", f",{one}"):
        assert "SECRET_KEY_FALLBACKS is missing or wrong" in read("1", SECRET_KEY_FALLBACKS=wrong)


HEADER = """
import django
django.setup()
from django.test import Client
print(Client(SERVER_NAME="chat.example.com").get("/healthz", secure=True).headers["Strict-Transport-Security"])
"""


@pytest.mark.parametrize(
    ("scope", "header"),
    [
        ("", "max-age=31536000"),
        ("host", "max-age=31536000"),
        ("subdomains", "max-age=31536000; includeSubDomains"),
        ("preload", "max-age=31536000; includeSubDomains; preload"),
    ],
)
def test_https_is_demanded_of_other_hosts_only_if_a_setting_says_so(scope, header):
    environment = os.environ | {"BASE_URL": "https://chat.example.com", "DJANGO_SETTINGS_MODULE": "praxtalk.settings"}
    if scope:
        environment["HSTS_SCOPE"] = scope
    shown = subprocess.run(
        [sys.executable, "-c", HEADER], cwd=PROJECT, env=environment, capture_output=True, text=True, check=False
    )
    assert shown.stdout.strip() == header, shown.stderr
