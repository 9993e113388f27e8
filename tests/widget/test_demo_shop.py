"""The demo shop: a site with the widget on its own origin, started by `serve`."""

import json
import socket
import urllib.error
import urllib.request

import pytest
from django.test import override_settings

from praxtalk.demo import create_demo
from tests.servers import WEB, Server, free_port
from tests.widget.conftest import PageRecorder


@pytest.fixture
def demo(tmp_path, settings):
    """Create the demo workspace. Its file is in a temporary folder."""
    settings.DATA_DIR = tmp_path
    return create_demo()


def two_ports():
    """Return a free port whose successor is free, too."""
    while True:
        port = free_port()
        with socket.socket() as above:
            try:
                above.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port


@pytest.mark.browser
@pytest.mark.live
@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("chromium")
def test_demo_shop_shows_the_widget_without_policy_violations(demo, tmp_path, page):
    with Server(*WEB, port=two_ports(), WEB_PROCESSES="1", DATA_DIR=str(tmp_path)) as server:
        shop = f"http://127.0.0.1:{server.port + 1}/"
        assert f"Demo shop   {shop}" in server.output
        assert "shop" in server.pids
        recorder = PageRecorder(page)
        response = page.goto(f"{server.url}/demo")
        assert page.url == shop
        tag = f'<script src="{server.url}/widget.js" data-widget-id="{demo["widgetIds"]["north"]}" defer></script>'
        assert tag in response.text()
        policy = response.headers["content-security-policy"]
        assert policy.startswith(
            f"default-src 'none'; script-src {server.url}/widget.js; connect-src {server.url} ws://"
        )
        assert "unsafe" not in policy
        assert recorder.until("typeof PraxTalk === 'function'")
        assert page.locator("h1").evaluate("(heading) => getComputedStyle(heading).fontWeight") == "650"
        assert all(url.startswith((shop, f"{server.url}/")) for url in recorder.requests)
        assert recorder.reports() == recorder.errors() == []
        page.set_viewport_size({"width": 360, "height": 740})
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        for path in ("nothing", "../praxtalk/settings.py", "%2e%2e/manage.py"):
            with pytest.raises(urllib.error.HTTPError, match="404"):
                urllib.request.urlopen(shop + path, timeout=20)
        page.close()
        server.process.terminate()
        assert server.wait_for_end() == 0
        assert "Traceback" not in server.output


@pytest.mark.slow
@pytest.mark.live
@pytest.mark.django_db(transaction=True)
def test_occupied_shop_port_disables_only_the_shop(demo, tmp_path):
    port = two_ports()
    server = Server(*WEB, port=port, WEB_PROCESSES="1", DATA_DIR=str(tmp_path))
    with socket.create_server(("127.0.0.1", port + 1)), server:
        assert f"No demo shop: port {port + 1} cannot be used" in server.output
        assert "shop" not in server.pids
        with urllib.request.urlopen(f"{server.url}/healthz", timeout=20) as response:
            assert json.load(response) == {"ok": True}


def test_demo_redirects_to_the_shop_if_it_exists(db, client, demo, settings, tmp_path):
    settings.PORT = 8000
    with override_settings(BASE_URL="http://localhost:8000"):
        response = client.get("/demo")
        assert (response.status_code, response["Location"]) == (302, "http://localhost:8001/")
    with override_settings(BASE_URL="https://chat.example.com"):  # behind a proxy that forwards only one port
        assert client.get("/demo").status_code == 404
    settings.DATA_DIR = tmp_path / "without a demo"
    with override_settings(BASE_URL="http://localhost:8000"):
        assert client.get("/demo").status_code == 404
