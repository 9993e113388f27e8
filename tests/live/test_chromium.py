"""Browser tests: the newest client on a page of another origin, plain and with React hooks."""

import functools
import subprocess
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlencode

import pytest

from tests.live.conftest import CLIENTS, MODULES, need_node

pytestmark = [
    pytest.mark.browser,
    pytest.mark.live,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("chromium"),
]


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def crm_pages(tmp_path_factory):
    """Return the URL of a separate server, not PraxTalk, with the pages of a CRM."""
    need_node()
    folder = tmp_path_factory.mktemp("crm")
    for page in ("inbox.html", "react.html"):
        (folder / page).write_text((CLIENTS / page).read_text())
    (folder / "browser.bundle.js").symlink_to(MODULES / "convex/dist/browser.bundle.js")
    bundle = [MODULES / ".bin/esbuild", CLIENTS / "react.jsx", "--bundle", "--format=esm", "--jsx=automatic"]
    subprocess.run([*bundle, f"--outfile={folder}/react.js", "--log-level=warning"], check=True, timeout=120)
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def recorded_page(page):
    """Return a page that records console errors, uncaught exceptions and failed requests in `problems`."""
    page.problems = []
    page.on("console", lambda message: page.problems.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.on("requestfailed", lambda request: page.problems.append(f"{request.url} failed"))
    yield page
    page.close()  # before the tables are emptied


def test_page_of_another_origin_shows_the_inbox_and_sends_replies(scene, crm_pages, recorded_page):
    recorded_page.goto(f"{crm_pages}/inbox.html?{urlencode({'url': scene.url, 'token': scene.token})}")
    shows = lambda preview: recorded_page.wait_for_selector(f"#inbox li:text-is('{preview}')", timeout=20_000)  # noqa: E731
    shows("Hello?")
    scene.send_by_rest("by REST")
    shows("by REST")
    scene.send_from_shell("by the shell")
    shows("by the shell")
    recorded_page.click("button")
    shows("by a request")
    assert scene.bodies() == ["Hello?", "by REST", "by the shell", "by the socket", "by a request"]
    assert recorded_page.problems == []


def test_react_hooks_show_pushed_and_sent_messages(scene, crm_pages, recorded_page):
    recorded_page.goto(f"{crm_pages}/react.html?{urlencode({'url': scene.url, 'token': scene.token})}")
    shows = lambda body: recorded_page.wait_for_selector(f"li:text-is('{body}')", timeout=20_000)  # noqa: E731
    shows("Hello?")
    scene.send_by_rest("by REST")
    shows("by REST")
    recorded_page.wait_for_selector("h2:text-is('by REST')", timeout=20_000)
    recorded_page.click("button")
    shows("by a hook")
    recorded_page.wait_for_selector("h2:text-is('by a hook')", timeout=20_000)
    assert recorded_page.locator("li").all_inner_texts() == scene.bodies() == ["Hello?", "by REST", "by a hook"]
    assert recorded_page.problems == []
