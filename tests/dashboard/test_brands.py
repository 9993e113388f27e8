"""/app/brands: the list, settings, texts, the identity secret and the check of a site's installation."""

import ipaddress
import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from accounts.models import AuditEntry
from brands.models import Brand
from praxtalk.core.db.encryption import decrypt
from widget.configuration import configuration_json
from widget.csp import Policy
from widget.install_check import check_site

pytestmark = pytest.mark.django_db
OURS = "https://chat.example"


@pytest.fixture(autouse=True)
def client_of_alice(client, tenants, settings):
    settings.WEBHOOK_ALLOW_CIDRS = [ipaddress.ip_network("127.0.0.0/8")]
    client.force_login(tenants.alice)
    return client


SETTINGS = {
    "name": "North",
    "primary_color": "#ff8800",
    "side": "left",
    "greeting": "Ahoy!",
    "privacy_url": "https://north.example/privacy",
    "allowed_domains": "Shop.example.com\n*.example.org",
    "email_from": "hello@north.example",
    "time_zone": "Europe/Berlin",
    "hours_mon-from": ["9", "13.30"],
    "hours_mon-to": ["12:30", "6 pm"],
    "hours_tue-from": ["9-24"],
    "hours_tue-to": [""],
}


def test_a_new_brand_is_listed_with_its_install_snippet(client, tenants, settings):
    settings.BASE_URL = "https://www.praxtalk.com"
    for _ in range(2):  # the second brand of the same name gets its own slug
        assert client.post("/app/brands/add/", {"name": "East", "primary_color": "#123456"}).status_code == 302
    created = Brand.objects.filter(name="East").order_by("created_at")
    assert [brand.slug for brand in created] == ["east", "east-2"]
    page = client.get("/app/brands/").content.decode()
    for brand in created:
        line = f'<script src="https://www.praxtalk.com/widget.js" data-widget-id="{brand.widget_id}" defer></script>'
        assert line.replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;") in page
    assert (
        "script-src https://www.praxtalk.com/widget.js; connect-src https://www.praxtalk.com wss://www.praxtalk.com"
        in page
    )
    assert "West" not in page


def test_saved_settings_reach_the_widget_configuration(client, tenants):
    assert client.post(f"/app/brands/{tenants.north.pk}/change/", SETTINGS).status_code == 302
    brand = Brand.objects.get(pk=tenants.north.pk)
    assert brand.allowed_domains == ["shop.example.com", "*.example.org"]
    assert brand.business_hours == {"mon": ["09:00-12:30", "13:30-18:00"], "tue": ["09:00-24:00"]}
    shown = configuration_json(brand, "en")
    assert (shown["brand"]["color"], shown["side"], shown["greeting"]) == ("#ff8800", "left", "Ahoy!")
    assert (brand.email_from, brand.time_zone) == ("hello@north.example", "Europe/Berlin")
    page = client.get(f"/app/brands/{tenants.north.pk}/change/").content.decode()
    assert re.findall(r'name="hours_mon-(?:from|to)" value="(.*?)"', page) == [
        "09:00",
        "12:30",
        "13:30",
        "18:00",
        "",
        "",
    ]
    assert AuditEntry.objects.filter(action="brand.changed").count() == 1
    client.post(f"/app/brands/{tenants.north.pk}/change/", SETTINGS)
    assert AuditEntry.objects.filter(action="brand.changed").count() == 1  # saving unchanged settings adds no entry


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"name": ""}, "required"),
        ({"primary_color": "red"}, "colour"),
        ({"primary_color": "#fff;}"}, "colour"),
        ({"privacy_url": "javascript:alert(1)"}, "valid URL"),
        ({"allowed_domains": "https://shop.example.com"}, "without https"),
        ({"allowed_domains": "\n".join(f"a{number}.example" for number in range(51))}, "more than 50"),
        ({"hours_fri-from": ["nine"], "hours_fri-to": ["17"]}, "“nine” is not a time."),
        ({"time_zone": "Mars/Base"}, "not a time zone"),
        ({"time_zone": "../../etc/passwd"}, "not a time zone"),
        ({"email_from": "nobody"}, "valid email"),
        ({"side": "top"}, "not one of the available choices"),
    ],
)
def test_invalid_settings_are_refused_and_nothing_changes(client, tenants, wrong, sentence):
    response = client.post(f"/app/brands/{tenants.north.pk}/change/", SETTINGS | wrong)
    assert response.status_code == 200
    assert sentence in response.content.decode()
    brand = Brand.objects.get(pk=tenants.north.pk)
    assert (brand.primary_color, brand.allowed_domains, brand.business_hours) == ("#2563eb", [], {})


def test_a_brand_overrides_widget_texts_for_each_language(client, tenants):
    path = f"/app/brands/{tenants.north.pk}/texts/?language="
    assert client.post(f"{path}de", {"greeting": "Moin!", "awayUntil": "Zurück um {time}"}).status_code == 302
    assert client.post(f"{path}en", {"greeting": "Ahoy!"}).status_code == 302
    brand = Brand.objects.get(pk=tenants.north.pk)
    assert configuration_json(brand, "de-AT")["greeting"] == "Moin!"
    assert configuration_json(brand, "de")["texts"]["awayUntil"] == "Zurück um {time}"
    assert configuration_json(brand, "en")["greeting"] == "Ahoy!"
    assert configuration_json(brand, "fr")["texts"]["send"] == "Envoyer"
    refused = client.post(f"{path}de", {"awayUntil": "Später"})
    assert refused.status_code == 422
    assert "The text must contain {time}" in refused.content.decode()
    client.post(f"{path}de", {"nonsense": "x"})  # all texts empty: the default texts apply again
    brand.refresh_from_db()
    assert set(brand.texts) == {"en"}
    assert client.get(f"{path}xx").status_code == 404


def test_showing_or_renewing_the_identity_secret_needs_the_password(client, tenants):
    path = f"/app/brands/{tenants.north.pk}/identity-secret/"
    secret = decrypt(tenants.north.encrypted_identity_secret)
    assert secret not in client.get(path).content.decode()
    assert secret not in client.post(path, {"password": "wrong", "show": "1"}).content.decode()
    response = client.post(path, {"password": "wonder-land-9", "show": "1"})
    assert secret in response.content.decode()
    assert "no-store" in response["Cache-Control"]
    new = re.search(r"pti_[\w-]+", client.post(path, {"password": "wonder-land-9", "renew": "1"}).content.decode())[0]
    tenants.north.refresh_from_db()
    assert decrypt(tenants.north.encrypted_identity_secret) == new != secret


@contextmanager
def site(html="", status=200, headers=()):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(html.encode())

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


def check_results(brand, url):
    return {one.subject: one.passed for one in check_site(brand, url)}


def install_snippet(brand, origin=OURS, more=""):
    return f'<html><body><script src="{origin}/widget.js" data-widget-id="{brand.widget_id}"{more} defer></script>'


def test_the_install_check_reports_what_a_site_gets_wrong(client, tenants, settings):
    settings.BASE_URL = OURS
    right = {"Snippet": True, "Content-Security-Policy": True, "Allowed domains": True}
    with site(install_snippet(tenants.north)) as url:
        assert check_results(tenants.north, url) == right
        assert check_results(tenants.south, url) == right | {"Snippet": False}
        response = client.post(f"/app/brands/{tenants.north.pk}/check/", {"url": url})
        assert "The snippet is installed." in response.content.decode()
        Brand.objects.filter(pk=tenants.north.pk).update(allowed_domains=["shop.example.com"])
        assert check_results(Brand.objects.get(pk=tenants.north.pk), url) == right | {"Allowed domains": False}
    with site(install_snippet(tenants.north, origin="https://old.example")) as url:
        assert check_results(tenants.north, url)["Snippet"] is False
    with site("<p>Nothing here") as url:
        assert check_results(tenants.north, url)["Snippet"] is False
    policy = ("Content-Security-Policy", "default-src 'self'")
    with site(install_snippet(tenants.north), headers=[policy]) as url:
        assert check_results(tenants.north, url)["Content-Security-Policy"] is False
    meta = f'<meta http-equiv="Content-Security-Policy" content="script-src {OURS}/widget.js; connect-src {OURS}">'
    with site(meta + install_snippet(tenants.north)) as url:
        # None: without WebSockets the widget still works, by polling every few seconds.
        assert check_results(tenants.north, url)["Content-Security-Policy"] is None
    with site(status=302, headers=[("Location", "/en/")]) as url:
        [result] = check_site(tenants.north, url)
        assert f"{url}en/" in result.message
    with site(status=500) as url:
        assert check_results(tenants.north, url) == {"Page": False}


@pytest.mark.parametrize(
    ("html", "wrong"),
    [
        ('<script src="http://[bad/widget.js"></script>', None),
        ("<p>Hello<![zz[", "Snippet"),
        (
            f'<meta http-equiv="Content-Security-Policy" content="connect-src a:{"9" * 5000}">',
            "Content-Security-Policy",
        ),
    ],
)
def test_the_install_check_survives_malformed_html_and_policies(client, tenants, settings, html, wrong):
    settings.BASE_URL = OURS
    with site(html + install_snippet(tenants.north)) as url:
        assert check_results(tenants.north, url).get(wrong) is (False if wrong else None)
        assert client.post(f"/app/brands/{tenants.north.pk}/check/", {"url": url}).status_code == 200


def test_the_install_check_reports_an_invalid_redirect(tenants):
    with site(status=302, headers=[("Location", "http://[x")]) as url:
        [result] = check_site(tenants.north, url)
        assert "http://[x" in result.message


@pytest.mark.parametrize(
    "url", ["http://10.0.0.1/", "http://169.254.169.254/latest/", "file:///etc/passwd", "http://localhost:1/"]
)
def test_the_install_check_refuses_internal_addresses(tenants, settings, url):
    settings.WEBHOOK_ALLOW_CIDRS = []
    [result] = check_site(tenants.north, url)
    assert result.passed is False


@pytest.mark.parametrize(
    ("text", "script", "connection", "socket"),
    [
        ("", True, True, True),
        ("img-src 'self'", True, True, True),
        ("default-src *", True, True, True),
        ("default-src https: wss:", True, True, True),
        ("default-src 'none'", False, False, False),
        ("script-src https://chat.example; connect-src https://chat.example wss://chat.example", True, True, True),
        ("script-src https://chat.example/widget.js", True, True, True),
        ("script-src https://chat.example/other.js", False, True, True),
        ("script-src https://chat.example/scripts/", False, True, True),
        ("script-src *.example", True, True, True),
        ("script-src *.chat.example", False, True, True),
        ("script-src chat.example:8443", False, True, True),
        ("script-src chat.example:*", True, True, True),
        ("script-src http://chat.example", True, True, True),
        ("script-src 'nonce-abc'", True, True, True),
        ("script-src 'strict-dynamic' https://chat.example", False, True, True),
        ("script-src 'none'; script-src-elem https://chat.example", True, True, True),
        ("SCRIPT-SRC HTTPS://CHAT.EXAMPLE", True, True, True),
        ("script-src https://chat.example; script-src 'none'", True, True, True),
        (";;; connect-src", True, False, False),
    ],
)
def test_content_security_policies_are_interpreted_as_in_browsers(text, script, connection, socket):
    policy = Policy(text, page="https://shop.example/")
    assert policy.allows_script(f"{OURS}/widget.js", "abc" if "nonce" in text else "") is script
    assert policy.allows_connection(OURS) is connection
    assert policy.allows_connection("wss://chat.example/api/sync") is socket


def test_the_default_sender_is_shown_with_its_address(client, tenants, settings):
    settings.EMAIL_FROM = "PraxTalk <praxtalk@acme.example>"
    client.force_login(tenants.alice)
    page = client.get(f"/app/brands/{tenants.north.pk}/change/").content.decode()
    assert "Leave empty for PraxTalk &lt;praxtalk@acme.example&gt;." in page
