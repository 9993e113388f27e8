"""Where the time of a change goes: relate the timestamps of bench/live/traced.py to the changes."""

import json
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.run import quantile

if TYPE_CHECKING:
    from bench.live.environment import Change

PATTERN = "live-trace-*.json"
MILLION = 1_000_000


@dataclass(frozen=True)
class Steps:
    """after: milliseconds from the commit to each step, as the median over changes and processes.

    reads: how often the query runs for each change.
    """

    after: dict[str, float]
    reads: float


def forget(folder: Path) -> None:
    for path in folder.glob(PATTERN):
        path.unlink()


def read_steps(folder: Path, changes: Sequence["Change"]) -> Steps:
    """Return the steps of these changes.

    A timestamp belongs to a change if it lies between its commit and the next change's commit (for the last change: one second).
    """
    processes = [json.loads(path.read_text()) for path in sorted(folder.glob(PATTERN))]
    ends = [change.committed for change in changes[1:]] + [changes[-1].committed + 1000 * MILLION]
    found: dict[str, list[int]] = {"its word is out": [change.published - change.committed for change in changes]}
    reads = 0
    for moments in processes:
        for change, end in zip(changes, ends, strict=True):
            between = {
                step: all_of[bisect_left(all_of, change.committed) : bisect_left(all_of, end)]
                for step, all_of in moments.items()
            }
            reads += len(between["read begun"])
            for name, step, index in (
                ("heard", "heard", 0),
                ("the read begins", "read begun", 0),
                ("the read is done", "read done", 0),
                ("first frame written", "frame out", 0),
                ("last frame written", "frame out", -1),
            ):
                if between[step]:
                    found.setdefault(name, []).append(between[step][index] - change.committed)
    return Steps({name: quantile(times, 0.5) / MILLION for name, times in found.items()}, reads / len(changes))
