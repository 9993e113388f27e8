"""Measure the search of the inbox among 1,000,000 messages.

It calls the function that the inbox calls, for words that occur in nearly every message, in one of a hundred, in one, or in none,
for single characters, and for words that have several forms.
Each search runs in the whole workspace and in one brand. The baseline is the list without a search.
"""

import gc
import time
from pathlib import Path
from typing import Any

import django

from bench import harness
from bench.harness import BenchmarkError, quantile, table

FULL = 334_000  # conversations, of three messages each
QUICK = 1_000
SEARCH_MS = 100
PAGE = 101
TIMES = 15
# w1x and so on are as frequent as the words of a language (see bench/seed.py): the first is in 4 of 10 messages.
WORDS = (
    "",
    "cable",
    "order addis",
    "w1x",
    "w10x",
    "w30x",
    "w100x",
    "w300x",
    "w1000x",
    "xylophone",
    "visitor.7",
    "nowhere",
    "w",
    "q",
    "4",
    "配",
    "配送は",
    "+251 11 4000",
    "O'Brien",
)


def measure(folder: Path, is_quick: bool) -> str:
    """Run the benchmark and return its table."""
    django.setup()
    from accounts.models import Operator
    from accounts.scope import Scope, scope_of
    from bench import seed
    from conversations.models import Conversation, Message
    from conversations.search import fill_words

    seed.seeded(folder, QUICK if is_quick else FULL)
    alice = Operator.objects.get(name="Alice")
    oldest = Conversation.objects.order_by("created_at").first()
    if oldest is None:
        raise BenchmarkError("The database is empty.")
    body = "The word xylophone occurs only here. 注文番号12345の配送はいつになりますか"
    Message.objects.filter(conversation=oldest, position=1).update(body=body)
    fill_words(Message)
    everything = scope_of(alice)
    one_brand = Scope(alice.workspace_id, (oldest.brand_id,))
    gc.freeze()  # keeps the garbage collector from scanning the loaded objects during the measurement
    rows = [["search", "all brands: p50", "longest", "found", "one brand: p50", "longest", "found"]]
    for text in WORDS:
        columns = [column for scope in (everything, one_brand) for column in _timed(scope, text)]
        rows.append([f"“{text}”" if text else "none: the list alone", *columns])
    count = Message.objects.count()
    return f"The search among {count:,} messages, target under {SEARCH_MS} ms\n\n{table(rows)}\n"


def _page(scope: Any, text: str) -> list[Any]:
    from conversations.inbox import filter_conversations
    from conversations.inbox_search import search

    rows = filter_conversations(scope).with_people()
    return search(rows, scope, text, PAGE) if text else list(rows[:PAGE])


def _timed(scope: Any, text: str) -> list[str]:
    """Return p50 and the longest time in ms, and the number of rows on the page."""
    times, found = [], 0
    for _ in range(TIMES):
        began = time.perf_counter()
        found = len(_page(scope, text))
        times.append((time.perf_counter() - began) * 1000)
    return [f"{quantile(times, 0.5):.1f} ms", f"{max(times):.1f} ms", str(found)]


if __name__ == "__main__":
    raise SystemExit(harness.main(__doc__, measure, suffix="-search"))
