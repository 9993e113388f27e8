"""Print the results of a run as tables."""

import os
from collections import Counter
from dataclasses import dataclass

from bench.faults import latency, times
from bench.faults.evidence import Evidence
from bench.faults.invariants import CHECKS, receipts_by_event
from bench.harness import quantile

SHOWN = 5


@dataclass(frozen=True)
class Verdict:
    """One invariant, and its violations."""

    name: str
    problems: list[str]


def check_all(evidence: Evidence) -> list[Verdict]:
    """Check every invariant."""
    return [Verdict((check.__doc__ or "").splitlines()[0], list(check(evidence))) for check in CHECKS]


def statistics(evidence: Evidence) -> dict[str, str]:
    """Return the figures of a run, by name."""
    statuses = Counter(delivery.status for delivery in evidence.deliveries.values())
    outcomes = Counter(attempt.outcome for attempts in evidence.attempts.values() for attempt in attempts)
    transactions = Counter(entry["outcome"] for entry in evidence.journal)
    publish_seconds = [entry["publish_seconds"] for entry in evidence.journal]
    writes = [entry["seconds"] for entry in evidence.journal]
    waits = latency.waits_without_faults(evidence)
    handled_twice = sum(
        sum(200 <= (each.status or 0) < 300 for each in receipts) > 1
        for receipts in receipts_by_event(evidence).values()
    )
    interrupted = sum(one.interruptions >= times.MAX_INTERRUPTIONS for one in evidence.deliveries.values())
    killed = evidence.killed["webhooks"]
    rows, seen = set(evidence.events), {each.event_id for each in evidence.receipts}
    lost, invented = set(evidence.committed) - rows, (rows & evidence.rolled_back) | (seen - rows)
    faults = {name: f"{count:,}" for name, count in sorted(evidence.injected.items())}
    return {
        "cores": str(os.cpu_count()),
        "seconds of writing": f"{evidence.seconds:.0f}",
        "seconds until every delivery was finished": "never"
        if evidence.drained_seconds is None
        else f"{evidence.drained_seconds:.0f}",
        "transactions": ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(transactions.items())),
        "events": f"{len(evidence.events):,} committed, {len(evidence.rolled_back):,} rolled back",
        "events lost, invented": f"{len(lost)}, {len(invented)}",
        "deliveries": ", ".join(f"{count:,} {status}" for status, count in sorted(statuses.items())),
        "attempts": ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(outcomes.items())),
        "failed after five interruptions": str(interrupted),
        "requests received": f"{len(evidence.receipts):,}",
        "events handled twice by a receiver": f"{handled_twice:,}",
        "workers killed": f"{killed} ("
        + ", ".join(f"{count} {point}" for point, count in sorted(evidence.fired.items()))
        + ")",
        **faults,
        "commit to receipt, without faults": f"p50 {quantile(waits, 0.5):.3f} s, p95 {quantile(waits, 0.95):.3f} s",
        "a change": f"p95 {quantile(writes, 0.95):.3f} s, longest {max(writes, default=0):.3f} s",
        "publishing it in Valkey": f"longest {max(publish_seconds, default=0):.3f} s",
        "most parallel requests": str(max(latency.most_at_once(evidence).values(), default=0)),
    }


def text(evidence: Evidence, verdicts: list[Verdict]) -> str:
    """Return the figures, the invariants, and the first SHOWN violations of each."""
    rows = list(statistics(evidence).items())
    width = max(len(name) for name, _ in rows)
    lines = ["", *(f"{name.ljust(width)}  {value}" for name, value in rows), ""]
    for verdict in verdicts:
        lines.append(f"{'FAILED' if verdict.problems else 'holds '}  {verdict.name}")
        lines += [f"          {problem}" for problem in verdict.problems[:SHOWN]]
        if len(verdict.problems) > SHOWN:
            lines.append(f"          ... {len(verdict.problems):,} in all")
    return "\n".join(lines) + "\n"
