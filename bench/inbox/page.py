"""Measure the page of the inbox with 10,000 conversations in a real Chromium.

1. Start private servers with a copy of the seeded database. Alice opens her inbox. Measure how long its scripts run until the
   first rows are visible.
2. Change open conversations, 200 a second for ten seconds. Each change makes a conversation the first row of every list. The page
   records the time between its frames.
3. Send the messages of an hour (ten a second) as fast as possible, one in twenty to the conversation that is open. Measure the
   page's memory and DOM nodes before and after, following a garbage collection.
"""

import os
import random
import statistics
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import django
from django.utils import timezone

from bench import harness
from bench.chromium import browser, require_chromium, version
from bench.harness import PRAXTALK, log, quantile, serving, table

COOKIE = "sessionid"
FIRST_ROWS_MS = 200
ROWS = 60
FRAME_MS = 50
CHANGES_PER_SECOND = 200
OPEN_CONVERSATION_EVERY = 20  # one in so many messages of the hour goes to the open conversation
WATCH_FRAMES = """() => {
  window.frames_ = [];
  window.tasks_ = [0];
  new PerformanceObserver((list) => window.tasks_.push(...list.getEntries().map(({ duration }) => duration)))
    .observe({ type: "longtask" });
  let last = performance.now();
  const next = (now) => {
    window.frames_.push(now - last);
    last = now;
    requestAnimationFrame(next);
  };
  requestAnimationFrame(next);
}"""


@dataclass(frozen=True)
class Size:
    conversations: int
    seconds: float  # duration of the changes, CHANGES_PER_SECOND of them a second
    traffic: int  # messages of the hour


FULL = Size(10_000, 10, 36_000)
QUICK = Size(1_000, 1, 100)


def measure(folder: Path, is_quick: bool) -> str:
    """Run the benchmark and return its table."""
    require_chromium()
    django.setup()
    from bench import seed
    from bench.live import changes  # it imports models, so not before django.setup()

    size = QUICK if is_quick else FULL
    seed.seeded(folder, size.conversations)
    url = changes.use_copy()
    log("Starting Chromium and PraxTalk ...")
    with browser("--js-flags=--expose-gc") as chromium:
        # Give the browser priority over the processes that are started from here on. In reality it has its own machine.
        os.nice(10)
        with serving(PRAXTALK, log_file=folder / "inbox.log", DATABASE_URL=url) as (port, _):
            return _measure_page(_inbox(chromium, f"http://127.0.0.1:{port}"), size)


def _inbox(chromium: Any, origin: str) -> Any:
    """Open the inbox as Alice, who is signed in. Return the page."""
    from django.test import Client

    from accounts.models import Operator

    client = Client()
    client.force_login(Operator.objects.get(name="Alice"))
    page = chromium.new_page(viewport={"width": 1440, "height": 900})
    page.context.add_cookies([{"name": COOKIE, "value": client.cookies[COOKIE].value, "url": origin}])
    page.goto(f"{origin}/app/inbox/")
    page.locator(".row").first.wait_for()
    return page


def _measure_page(page: Any, size: Size) -> str:
    protocol = page.context.new_cdp_session(page)
    protocol.send("Performance.enable")
    first = []
    for _ in range(5):
        page.reload()
        page.locator(".row").first.wait_for()
        first.append(_metric(protocol, "ScriptDuration") * 1000)
    log(f"{CHANGES_PER_SECOND} changes a second, for {size.seconds:.0f} s ...")
    traffic = Traffic()
    page.evaluate(WATCH_FRAMES)
    rate = traffic.make(
        traffic.change, int(CHANGES_PER_SECOND * size.seconds), per_second=CHANGES_PER_SECOND, page=page
    )
    frames = page.evaluate("window.frames_.slice(1)")
    tasks = page.evaluate("window.tasks_")
    rows = page.locator(".row").count()
    log(f"{size.traffic:,} messages ...")
    page.goto(f"{page.url}{traffic.open_conversation.pk}/")
    page.locator(".entry").first.wait_for()
    before, nodes_before = _memory(page, protocol)
    per_second = traffic.make(traffic.write, size.traffic, per_second=None, page=page)
    after, nodes_after = _memory(page, protocol)
    lines = [
        ["what", "measured", "target"],
        ["scripts until the first rows", f"{statistics.median(first):.0f} ms", f"under {FIRST_ROWS_MS} ms"],
        ["row elements", str(rows), f"at most {ROWS}"],
        ["changes a second", f"{rate:.0f}", str(CHANGES_PER_SECOND)],
        [
            "frames during the changes, p50 and p99",
            f"{quantile(frames, 0.5):.1f} and {quantile(frames, 0.99):.1f} ms",
            "",
        ],
        ["longest frame", f"{max(frames):.1f} ms", f"{FRAME_MS} ms"],
        ["longest task of the page", f"{max(tasks):.0f} ms" if max(tasks) else "under 50 ms", ""],
        ["memory before the hour", f"{before / 2**20:.1f} MiB, {nodes_before:,.0f} nodes", ""],
        [
            f"after {size.traffic:,} messages ({per_second:.0f} a second)",
            f"{after / 2**20:.1f} MiB, {nodes_after:,.0f} nodes",
            "flat",
        ],
    ]
    return f"\n{size.conversations:,} conversations, {version()}\n\n{table(lines)}\n"


def _metric(protocol: Any, name: str) -> float:
    metrics = protocol.send("Performance.getMetrics")["metrics"]
    return float(next(metric["value"] for metric in metrics if metric["name"] == name))


def _memory(page: Any, protocol: Any) -> tuple[float, float]:
    """Return the bytes of the JavaScript heap and the number of DOM nodes, after a garbage collection."""
    page.wait_for_timeout(1000)
    for _ in range(3):
        protocol.send("HeapProfiler.collectGarbage")
    return _metric(protocol, "JSHeapUsedSize"), _metric(protocol, "Nodes")


class Traffic:
    """Changes and messages for the newest open conversations, made by separate threads."""

    THREADS = 2

    def __init__(self) -> None:
        from conversations.models import Conversation

        rows = Conversation.objects.filter(status="open").with_people()
        self.conversations = list(rows.order_by("-last_activity_at")[:2000])
        self.open_conversation = self.conversations[0]

    def write(self, number: int) -> None:
        """Send a visitor's message with PraxTalk's own action."""
        from conversations.actions import send_message
        from conversations.models import Channel, Message

        conversation = (
            self.open_conversation if number % OPEN_CONVERSATION_EVERY == 0 else random.choice(self.conversations)
        )
        send_message(conversation, role=Message.Role.VISITOR, body=f"Message {number}", channel=Channel.WIDGET)

    def change(self, number: int) -> None:
        """Make the change that such a message causes in the lists, without the message itself.

        Two cores that also run a browser could not store 200 messages a second.
        """
        from conversations.models import Conversation
        from praxtalk.core.live.topics import publish_on_commit

        conversation = random.choice(self.conversations)
        rows = Conversation.objects.filter(pk=conversation.pk)
        now = timezone.now()
        rows.update(preview=f"Message {number}", last_message_at=now, last_activity_at=now, updated_at=now)
        publish_on_commit(*conversation.topics)

    def make(self, do: Callable[[int], None], count: int, *, per_second: float | None, page: Any) -> float:
        """Call `do` `count` times in THREADS threads. Return the calls per second that were reached.

        per_second: the intended rate of all threads together, or None for as fast as possible.
        """
        started = time.monotonic()
        each, rate = count // self.THREADS, per_second and per_second / self.THREADS
        threads = [threading.Thread(target=self._run, args=(do, each, rate)) for _ in range(self.THREADS)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            page.wait_for_timeout(100)
        return count / (time.monotonic() - started)

    @staticmethod
    def _run(do: Callable[[int], None], count: int, rate: float | None) -> None:
        from django.db import connection

        started = time.monotonic()
        for number in range(count):
            if rate and (ahead := number / rate - (time.monotonic() - started)) > 0:
                time.sleep(ahead)
            do(number)
        connection.close()


if __name__ == "__main__":
    raise SystemExit(harness.main(__doc__, measure))
