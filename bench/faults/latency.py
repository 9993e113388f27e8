"""The invariants about time: pauses between attempts, parallel requests, latency, and no waiting for Valkey."""

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise

from bench.faults import times
from bench.faults.evidence import Evidence
from bench.faults.invariants import ROUNDING_ERROR, check
from bench.harness import quantile
from integrations.models import Attempt

GOOD = ("steady", "huge", "leads only", "other workspace", "statuses of all")
MIN_EVENTS = 30  # events that are necessary for a meaningful p95
FAST_FAILING = ("broken", "redirecting")
MAX_LATENESS = 2.0  # seconds by which an attempt may be late while there are no faults
CLOSE_NOTICE_SECONDS = 0.1  # seconds until a receiver notices at the latest that a connection is closed
MAX_PUBLISH_SECONDS = 1.0
MAX_WRITE_SECONDS = 5.0  # a change that takes longer is blocked, not just slow, even on two cores that run everything
P95_SECONDS = 2.0


def started(attempt: Attempt) -> float:
    return attempt.started_at.timestamp()


def ended(attempt: Attempt) -> float:
    return started(attempt) + (attempt.duration_ms or 0) / 1000


@check
def pauses_fit_the_schedule(evidence: Evidence) -> Iterator[str]:
    """no attempt starts before its pause is over; without faults, none starts late"""
    for id_, attempts in evidence.attempts.items():
        receiver = evidence.receiver_of[str(evidence.deliveries[id_].subscription_id)]
        failed = 0
        for attempt, following in pairwise(attempts):
            if attempt.outcome == "interrupted":
                if started(following) < started(attempt) + times.LEASE:
                    yield f"{receiver}: attempt {following.number} of {id_} came before the lease was over"
                continue
            failed += 1
            if failed > len(times.STEPS):
                yield f"{receiver}: attempt {following.number} of {id_} came after the sixth had failed"
                break
            step = times.STEPS[failed - 1]
            pause = started(following) - ended(attempt)
            if pause < step - ROUNDING_ERROR:
                yield f"{receiver}: {pause:.2f} s before attempt {following.number} of {id_}, not {step}"
            latest = step * (1 + times.MAX_JITTER) + MAX_LATENESS
            if receiver in FAST_FAILING and started(following) < evidence.calm_until and pause > latest:
                yield f"{receiver}: {pause:.2f} s before attempt {following.number} of {id_}, at most {latest:.2f}"


@check
def retry_after_is_obeyed(evidence: Evidence) -> Iterator[str]:
    """a pause that a receiver asks for with 503 and Retry-After is kept"""
    for id_, attempts in evidence.attempts.items():
        for attempt, following in pairwise(attempts):
            if attempt.status_code == 503 and started(following) - ended(attempt) < times.RETRY_AFTER - ROUNDING_ERROR:
                yield f"attempt {following.number} of {id_} came too soon"


@check
def at_most_eight_at_once(evidence: Evidence) -> Iterator[str]:
    """at most 8 requests of one subscription are open at any moment"""
    for receiver, most in most_at_once(evidence).items():
        if most > times.MAX_IN_FLIGHT:
            yield f"{receiver}: {most}"


def most_at_once(evidence: Evidence) -> dict[str, int]:
    """Return the largest number of parallel requests, by receiver.

    Interrupted attempts do not count: their leases have expired, but the receiver may still be processing the request.
    """
    interrupted = {
        (id_, one.number) for id_, all_ in evidence.attempts.items() for one in all_ if one.outcome == "interrupted"
    }
    moments: dict[str, list[tuple[float, int]]] = defaultdict(list)
    for each in evidence.receipts:
        until = each.closed - CLOSE_NOTICE_SECONDS
        if until > each.at and (each.delivery_id, each.number) not in interrupted:
            moments[each.receiver] += [(each.at, 1), (until, -1)]
    most = {}
    for receiver, changes in moments.items():
        now = highest = 0
        for _, change in sorted(changes):
            now += change
            highest = max(highest, now)
        most[receiver] = highest
    return most


@check
def good_receivers_do_not_wait_for_bad_ones(evidence: Evidence) -> Iterator[str]:
    """without faults, 95% of the events reach a good receiver within 2 s, in spite of hanging and dripping receivers"""
    waits = waits_without_faults(evidence)
    if len(waits) < MIN_EVENTS:
        yield f"only {len(waits)} events, too few for a p95"
    if quantile(waits, 0.95) > P95_SECONDS:
        yield f"p95 is {quantile(waits, 0.95):.2f} s"


def waits_without_faults(evidence: Evidence) -> list[float]:
    """Return the seconds from commit to first receipt, of the events that committed before the first fault."""
    first: dict[str, float] = {}
    for each in evidence.receipts:
        if each.receiver in GOOD:
            first[each.event_id] = min(each.at, first.get(each.event_id, each.at))
    until = evidence.calm_until - times.DISPATCH_INTERVAL
    return [max(0.0, first[one] - at) for one, at in evidence.committed.items() if at < until and one in first]


@check
def changes_do_not_wait_for_valkey(evidence: Evidence) -> Iterator[str]:
    """no change fails or waits because Valkey is unavailable"""
    if evidence.writers_failed:
        yield f"{evidence.writers_failed} writers failed: see writers.log"
    for entry in evidence.journal:
        if entry["outcome"] == "error":
            yield entry["error"]
        if entry["publish_seconds"] > MAX_PUBLISH_SECONDS or entry["seconds"] > MAX_WRITE_SECONDS:
            yield f"a change took {entry['seconds']:.2f} s, of which {entry['publish_seconds']:.2f} s were for publishing"


@check
def workers_end_in_order(evidence: Evidence) -> Iterator[str]:
    """workers finish their attempts and exit when they are stopped, and never exit otherwise"""
    if not evidence.stopped_cleanly:
        yield "a worker did not stop and was killed"
    if evidence.ended["webhooks"] > evidence.injected["worker stopped with SIGTERM"] or evidence.ended["beat"]:
        yield f"exited unexpectedly: {dict(evidence.ended)}"
