"""Measure the time from an operator's reply until a visitor's open widget on another origin shows it.

1. Start private servers with a copy of the seeded database, as in bench.live.
2. Load a customer's page with the script of the widget in a real Chromium. A visitor submits the form, and the widget stays open.
3. An operator replies, alternately by REST and by the Agent SDK's mutation. The page records when the text appears in the thread.
4. The baseline of each is the call alone, from the request to its answer. The rest is the time until the visitor sees the reply.
"""

import http.client
import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import django

from bench.run import FOLDER, QUICK_FOLDER, Invalid, is_quick, quantile, run, say, table
from bench.servers import PRODUCT, serving

CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync"]
PATIENCE_SECONDS = 10.0
WARM_UP = 5
PAUSE_MS = 300  # people pause longer; without a pause, changes are batched for up to 100 ms
# Record when each text appears in the thread, in ms since the epoch, by its first word.
WATCH = """() => {
  window.shown = {};
  const log = document.getElementById("praxtalk").shadowRoot.querySelector("[role=log]");
  new MutationObserver(() => {
    const now = performance.timeOrigin + performance.now();
    for (const [word] of log.textContent.matchAll(/reply-\\d+(?=\\.)/g)) shown[word] ??= now;
  }).observe(log, { childList: true, subtree: true, characterData: true });
}"""


@dataclass(frozen=True)
class Extent:
    folder: Path
    conversations: int
    replies: int  # by each of the two ways


FULL = Extent(FOLDER, 100_000, replies=100)
QUICK = Extent(QUICK_FOLDER, 1_000, replies=5)


@dataclass
class Way:
    """One way to send a reply, with its measurements in milliseconds.

    calls: the duration of each call. shown: the time from sending each reply until the visitor sees it.
    """

    name: str
    path: str
    token: str
    body: dict[str, Any]
    calls: list[float] = field(default_factory=list)
    shown: list[float] = field(default_factory=list)


def main() -> int:
    """Return the exit status: 1 if a reply was not shown."""
    quick = is_quick("bench.widget", __doc__.splitlines()[0], "a small database and few replies, for a test")
    if not Path(CHROMIUM).exists():
        say("The widget is not measured: there is no Chromium (apt-get install chromium).")
        return 1
    extent = QUICK if quick else FULL
    return run(extent.folder, lambda: _measured(extent))


def _measured(extent: Extent) -> str:
    django.setup()
    from bench import seed
    from bench.live import environment  # it imports models, so not before django.setup()

    seed.seeded(extent.folder, extent.conversations)
    url = environment.make_database()
    with ExitStack() as stack:
        say("Starting PraxTalk and a Chromium ...")
        port = stack.enter_context(serving(PRODUCT, log=extent.folder / "widget.log", DATABASE_URL=url))
        page = stack.enter_context(_visitor(f"http://127.0.0.1:{port}"))
        ways = _ways()
        for number in range(WARM_UP + extent.replies):
            if number == WARM_UP:
                for way in ways:
                    way.calls.clear()
                    way.shown.clear()
            for index, way in enumerate(ways):
                page.wait_for_timeout(PAUSE_MS)
                _reply(port, page, way, f"reply-{number * len(ways) + index}")
    return _told(extent, ways)


@contextmanager
def _visitor(host: str) -> Iterator[Any]:
    """Open the page of a visitor who has submitted the form and sees the thread. Yield the page."""
    from playwright.sync_api import sync_playwright

    from brands.models import Brand

    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"  # Playwright's event loop and the ORM share this thread
    widget_id = Brand.objects.order_by("created_at").values_list("widget_id", flat=True)[0]
    with _site(host, widget_id) as site, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page()
        page.goto(site)
        page.get_by_role("button", name="Open chat").click()
        page.get_by_label("Name", exact=True).fill("Maya A.")
        page.get_by_label("Email", exact=True).fill("maya@example.com")
        page.locator("textarea[name=message]").fill("Do you ship to Addis Ababa?")
        page.get_by_role("button", name="Start the chat").click()
        page.get_by_role("log").get_by_text("Do you ship to Addis Ababa?").wait_for()
        page.get_by_text("Sending").wait_for(state="hidden")
        page.wait_for_timeout(1000)  # until the WebSocket is connected
        page.evaluate(WATCH)
        yield page
        browser.close()


@contextmanager
def _site(host: str, widget_id: str) -> Iterator[str]:
    """Serve the customer's site on an origin of its own. Yield its URL."""
    html = f'<!doctype html><h1>Shop</h1><script src="{host}/widget.js" data-widget-id="{widget_id}" defer></script>'

    class Customer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(html.encode())

        def log_message(self, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Customer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}/"
        server.shutdown()


def _ways() -> list[Way]:
    from accounts.models import Workspace
    from bench.live import environment
    from conversations.models import Conversation
    from integrations.actions.api_keys import create_key
    from integrations.models import ApiKey

    workspace = Workspace.objects.get()
    _, secret = create_key(workspace, name="bench", scope=ApiKey.Scope.WRITE, allowed_cidrs=["127.0.0.0/8"])
    (token,) = environment.mint_tokens(1)
    newest = str(Conversation.objects.filter(workspace=workspace).order_by("-created_at")[0].pk)
    mutation = {"path": "messages:send", "args": {"conversationId": newest, "body": ""}}
    return [
        Way("REST", f"/api/v1/conversations/{newest}/messages", secret, {"body": ""}),
        Way("Agent SDK", "/api/mutation", token, mutation),
    ]


def _reply(port: int, page: Any, way: Way, word: str) -> None:
    """Send one reply and wait until the page shows it. Raises Invalid if the call fails or the reply is not shown."""
    if way.name == "REST":
        way.body["body"] = f"{word}."
    else:
        way.body["args"]["body"] = f"{word}."
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
    connection.connect()
    headers = {"Authorization": f"Bearer {way.token}", "Content-Type": "application/json"}
    began = time.time()
    connection.request("POST", way.path, json.dumps(way.body), headers)
    answer = connection.getresponse()
    text = answer.read()
    way.calls.append((time.time() - began) * 1000)
    connection.close()
    if answer.status not in (200, 201) or b'"status":"error"' in text:
        raise Invalid(f"{way.name}: {answer.status} {text[:200]!r}")
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (seen := page.evaluate("word => window.shown[word]", word)) is None:
        if time.monotonic() > deadline:
            raise Invalid(f"{word} was not shown within {PATIENCE_SECONDS:.0f} s.")
        page.wait_for_timeout(20)
    way.shown.append(seen - began * 1000)


def _told(extent: Extent, ways: list[Way]) -> str:
    rows = [["way", "seen p50", "p95", "max", "the call alone p50", "ratio"]]
    for way in ways:
        half = quantile(way.shown, 0.5)
        floor = quantile(way.calls, 0.5)
        shown = [half, quantile(way.shown, 0.95), max(way.shown), floor]
        rows.append([way.name, *(f"{value:.1f} ms" for value in shown), f"{half / floor:.2f}"])
    version = subprocess.run([CHROMIUM, "--version"], capture_output=True, text=True, check=False).stdout.strip()
    return f"\n{extent.replies} replies each into an open widget, {version}\n\n{table(rows)}\n"


if __name__ == "__main__":
    raise SystemExit(main())
