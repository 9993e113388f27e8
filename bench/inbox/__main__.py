"""The inbox: 10,000 conversations in a real Chromium, while 200 messages a second come in; the search at 1,000,000 messages.

1. Private servers and a copy of the seeded database. Alice opens her inbox: how long its scripts ran until the first rows stood.
2. Messages are written to random open conversations, 200 a second for ten seconds; the page notes the time between its frames.
3. An hour of traffic, ten messages a second, as fast as it goes; the page's memory before and after, with the garbage taken out.
4. The search, by the function that the inbox calls, for words that are rare, common and in no message; each beside a count of the
   conversations of a status, the floor that any list has.
"""

import os
import random
import statistics
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import django

from bench.run import FOLDER, QUICK_FOLDER, Invalid, is_quick, quantile, run, say, table
from bench.servers import PRODUCT, serving
from bench.widget.__main__ import CHROMIUM, FLAGS

COOKIE = "sessionid"
FIRST_ROWS_MS = 200
ROWS = 60
FRAME_MS = 50
SEARCH_MS = 100
WATCH_FRAMES = """() => {
  window.frames_ = [];
  let last = performance.now();
  const next = (now) => {
    window.frames_.push(now - last);
    last = now;
    requestAnimationFrame(next);
  };
  requestAnimationFrame(next);
}"""


@dataclass(frozen=True)
class Extent:
    folder: Path
    conversations: int
    seconds: float  # of 200 messages a second
    traffic: int  # messages of the hour
    searched: int  # conversations, of three messages each


FULL = Extent(FOLDER, 10_000, 10, 36_000, 334_000)
QUICK = Extent(QUICK_FOLDER, 1_000, 1, 100, 1_000)


def main() -> int:
    """The exit status: 1 if a promise of docs/dashboard.md was not kept."""
    quick = is_quick("bench.inbox", __doc__.splitlines()[0], "a small database and little traffic, for a test")
    if not Path(CHROMIUM).exists():
        say("The inbox is not measured: there is no Chromium (apt-get install chromium).")
        return 0
    extent = QUICK if quick else FULL
    return run(extent.folder, lambda: _measured(extent))


def _measured(extent: Extent) -> str:
    django.setup()
    from bench import seed
    from bench.live import stage

    seed.seeded(extent.folder, extent.searched)
    searched = _searched()
    seed.seeded(extent.folder, extent.conversations)
    url = stage.make_database()
    with ExitStack() as stack:
        say("Starting PraxTalk and a Chromium ...")
        port = stack.enter_context(serving(PRODUCT, log=extent.folder / "inbox.log", DATABASE_URL=url))
        page = stack.enter_context(_inbox(f"http://127.0.0.1:{port}"))
        told = _page_told(page, extent)
    return f"{told}\n{searched}"


@contextmanager
def _inbox(origin: str) -> Iterator[Any]:
    """Alice's browser, signed in."""
    from django.test import Client
    from playwright.sync_api import sync_playwright

    from brands.models import Operator

    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"  # Playwright's event loop runs in this thread, beside the ORM
    client = Client()
    client.force_login(Operator.objects.get(name="Alice"))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, "--js-flags=--expose-gc"])
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.context.add_cookies([{"name": COOKIE, "value": client.cookies[COOKIE].value, "url": origin}])
        page.goto(f"{origin}/app/inbox/")
        page.locator(".row").first.wait_for()
        yield page
        browser.close()


def _page_told(page: Any, extent: Extent) -> str:
    protocol = page.context.new_cdp_session(page)
    protocol.send("Performance.enable")
    first = []
    for _ in range(5):
        page.reload()
        page.locator(".row").first.wait_for()
        first.append(_metric(protocol, "ScriptDuration") * 1000)
    writer = Writer()
    page.evaluate(WATCH_FRAMES)
    written = writer.write(int(200 * extent.seconds), rate=200, page=page)
    frames = page.evaluate("window.frames_.slice(1)")
    rows = page.locator(".row").count()
    before = _memory(page, protocol)
    started = time.monotonic()
    writer.write(extent.traffic, rate=0, page=page)
    hour = time.monotonic() - started
    after = _memory(page, protocol)
    lines = [
        ["what", "measured", "promised"],
        ["scripts until the first rows", f"{statistics.median(first):.0f} ms", f"under {FIRST_ROWS_MS} ms"],
        ["row elements", str(rows), f"at most {ROWS}"],
        ["messages a second", f"{written:.0f}", "200"],
        ["frames, p50 and p99", f"{quantile(frames, 0.5):.1f} and {quantile(frames, 0.99):.1f} ms", ""],
        ["longest frame", f"{max(frames):.1f} ms", f"{FRAME_MS} ms"],
        ["memory before", f"{before / 2**20:.1f} MiB", ""],
        [f"after {extent.traffic:,} more ({hour:.0f} s)", f"{after / 2**20:.1f} MiB", "flat"],
    ]
    version = subprocess.run([CHROMIUM, "--version"], capture_output=True, text=True, check=False).stdout.strip()
    return f"\n{extent.conversations:,} conversations, {version}\n\n{table(lines)}\n"


def _metric(protocol: Any, name: str) -> float:
    metrics = protocol.send("Performance.getMetrics")["metrics"]
    return float(next(metric["value"] for metric in metrics if metric["name"] == name))


def _memory(page: Any, protocol: Any) -> float:
    page.wait_for_timeout(1000)
    for _ in range(3):
        protocol.send("HeapProfiler.collectGarbage")
    return _metric(protocol, "JSHeapUsedSize")


class Writer:
    """Visitors who write to open conversations, from threads of their own."""

    THREADS = 2

    def __init__(self) -> None:
        from conversations.models import Conversation

        rows = Conversation.objects.filter(status="open").with_people()
        self.talks = list(rows.order_by("-last_message_at")[:2000])

    def write(self, count: int, *, rate: float, page: Any) -> float:
        """How many a second it came to. rate: of all threads, 0 for as fast as it goes."""
        started = time.monotonic()
        each = count // self.THREADS
        threads = [threading.Thread(target=self._run, args=(each, rate / self.THREADS)) for _ in range(self.THREADS)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            page.wait_for_timeout(100)
        return count / (time.monotonic() - started)

    def _run(self, count: int, rate: float) -> None:
        from django.db import connection

        from conversations.actions import send_message
        from conversations.models import Channel, Message

        started = time.monotonic()
        for number in range(count):
            if rate and (ahead := number / rate - (time.monotonic() - started)) > 0:
                time.sleep(ahead)
            talk = random.choice(self.talks)
            send_message(talk, role=Message.Role.VISITOR, body=f"Message {number}", channel=Channel.WIDGET)
        connection.close()


def _searched() -> str:
    """The time of the inbox's first page for several searches, in ms."""
    from brands.models import Operator
    from brands.scope import Scope, scope_of
    from conversations.inbox import first_found, listed
    from conversations.models import Conversation, Message

    alice = Operator.objects.get(name="Alice")
    everything = scope_of(alice)
    one_brand = Scope(alice.workspace_id, (alice.workspace.brands.order_by("created_at")[0].pk,))
    oldest = Conversation.objects.order_by("created_at").first()
    if oldest is None:
        raise Invalid("The database is empty.")
    Message.objects.filter(conversation=oldest, position=1).update(body="The word xylophone stands here only")
    rows = [["search", "p50", "longest", "found"]]
    for text in ("", "xylophone", "cable", "visitor.7", "order addis", "nowhere"):
        for scope, name in ((everything, "all brands"), (one_brand, "one brand")):
            times, found = [], 0
            for _ in range(7):
                began = time.perf_counter()
                rows_ = listed(scope).with_people()
                found = len(first_found(rows_, scope, text, 101) if text else rows_[:101])
                times.append((time.perf_counter() - began) * 1000)
            label = f"“{text}”" if text else "none: the list alone"
            rows.append([f"{label}, {name}", f"{quantile(times, 0.5):.1f} ms", f"{max(times):.1f} ms", str(found)])
    count = Message.objects.count()
    return f"The search among {count:,} messages, promised under {SEARCH_MS} ms\n\n{table(rows)}\n"


if __name__ == "__main__":
    raise SystemExit(main())
