"""Measure the time from an operator's reply until a visitor's open widget on another origin shows it.

1. Start private servers with a copy of the seeded database, as in bench.live.
2. Load a customer's page with the script of the widget in a real Chromium. A visitor submits the form, and the widget stays open.
3. An operator replies, alternately by REST and by the Agent SDK's mutation. The page records when the text appears in the thread.
4. The baseline of each is the call alone, from request to response. The rest is the time until the visitor sees the reply.
"""

import http.client
import json
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import django

from bench import harness
from bench.chromium import browser, require_chromium, version
from bench.harness import PRAXTALK, BenchmarkError, log, quantile, serving, table

TIMEOUT_SECONDS = 10.0
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
class Size:
    conversations: int
    replies: int  # by each of the two callers


FULL = Size(100_000, replies=100)
QUICK = Size(1_000, replies=5)


@dataclass
class Caller:
    """One API by which replies are sent, with its measurements in milliseconds.

    calls: the duration of each call. shown: the time from sending each reply until the visitor sees it.
    """

    name: str
    path: str
    token: str
    body: dict[str, Any]
    calls: list[float] = field(default_factory=list)
    shown: list[float] = field(default_factory=list)


def measure(folder: Path, is_quick: bool) -> str:
    """Run the benchmark and return its table. Raises BenchmarkError if a reply was not shown."""
    require_chromium()
    django.setup()
    from bench import seed
    from bench.live import changes  # it imports models, so not before django.setup()

    size = QUICK if is_quick else FULL
    seed.seeded(folder, size.conversations)
    url = changes.use_copy()
    with ExitStack() as stack:
        log("Starting PraxTalk and Chromium ...")
        server = serving(PRAXTALK, log_file=folder / "widget.log", DATABASE_URL=url)
        port, _ = stack.enter_context(server)
        page = stack.enter_context(_visitor(f"http://127.0.0.1:{port}"))
        callers = _callers()
        for number in range(WARM_UP + size.replies):
            if number == WARM_UP:
                for caller in callers:
                    caller.calls.clear()
                    caller.shown.clear()
            for index, caller in enumerate(callers):
                page.wait_for_timeout(PAUSE_MS)
                _reply(port, page, caller, f"reply-{number * len(callers) + index}")
    return _result(size, callers)


@contextmanager
def _visitor(host: str) -> Iterator[Any]:
    """Open the page of a visitor who has submitted the form and sees the thread. Yield the page."""
    from brands.models import Brand

    widget_id = Brand.objects.order_by("created_at").values_list("widget_id", flat=True)[0]
    with _site(host, widget_id) as site, browser() as chromium:
        page = chromium.new_page()
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


def _callers() -> list[Caller]:
    from accounts.models import Workspace
    from bench.live import changes
    from conversations.models import Conversation
    from integrations.actions.api_keys import create_key
    from integrations.models import ApiKey

    workspace = Workspace.objects.get()
    _, secret = create_key(workspace, name="bench", scope=ApiKey.Scope.WRITE, allowed_cidrs=["127.0.0.0/8"])
    (token,) = changes.issue_tokens(1)
    newest = str(Conversation.objects.filter(workspace=workspace).order_by("-created_at")[0].pk)
    mutation = {"path": "messages:send", "args": {"conversationId": newest, "body": ""}}
    return [
        Caller("REST", f"/api/v1/conversations/{newest}/messages", secret, {"body": ""}),
        Caller("Agent SDK", "/api/mutation", token, mutation),
    ]


def _reply(port: int, page: Any, caller: Caller, word: str) -> None:
    """Send one reply and wait until the page shows it. Raises BenchmarkError if the call fails or the reply is not shown."""
    if caller.name == "REST":
        caller.body["body"] = f"{word}."
    else:
        caller.body["args"]["body"] = f"{word}."
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
    connection.connect()
    headers = {"Authorization": f"Bearer {caller.token}", "Content-Type": "application/json"}
    began = time.time()
    connection.request("POST", caller.path, json.dumps(caller.body), headers)
    response = connection.getresponse()
    text = response.read()
    caller.calls.append((time.time() - began) * 1000)
    connection.close()
    if response.status not in (200, 201) or b'"status":"error"' in text:
        raise BenchmarkError(f"{caller.name}: {response.status} {text[:200]!r}")
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while (seen := page.evaluate("word => window.shown[word]", word)) is None:
        if time.monotonic() > deadline:
            raise BenchmarkError(f"{word} was not shown within {TIMEOUT_SECONDS:.0f} s.")
        page.wait_for_timeout(20)
    caller.shown.append(seen - began * 1000)


def _result(size: Size, callers: list[Caller]) -> str:
    rows = [["reply by", "seen p50", "p95", "max", "the call alone p50", "ratio"]]
    for caller in callers:
        half = quantile(caller.shown, 0.5)
        baseline = quantile(caller.calls, 0.5)
        shown = [half, quantile(caller.shown, 0.95), max(caller.shown), baseline]
        rows.append([caller.name, *(f"{value:.1f} ms" for value in shown), f"{half / baseline:.2f}"])
    return f"\n{size.replies} replies each into an open widget, {version()}\n\n{table(rows)}\n"


if __name__ == "__main__":
    raise SystemExit(harness.main(__doc__, measure))
