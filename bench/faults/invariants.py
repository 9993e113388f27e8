"""The invariants that must hold after a run.

Each check yields its violations. The report prints the first line of its docstring as the name of the invariant.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator

from bench.faults import times
from bench.faults.evidence import Evidence
from bench.faults.receivers import Receipt

Check = Callable[[Evidence], Iterable[str]]
CHECKS: list[Check] = []

ROUNDING_ERROR = 0.01  # seconds; durations are stored in milliseconds


def check(function: Check) -> Check:
    CHECKS.append(function)
    return function


def receipts_by_event(evidence: Evidence) -> dict[tuple[str, str], list[Receipt]]:
    """Return the receipts by receiver and event id."""
    found: dict[tuple[str, str], list[Receipt]] = defaultdict(list)
    for receipt in evidence.receipts:
        found[receipt.receiver, receipt.event_id].append(receipt)
    return found


@check
def committed_events_exist(evidence: Evidence) -> Iterator[str]:
    """an event exists if and only if its transaction committed"""
    rows, committed, rolled_back = set(evidence.events), set(evidence.committed), evidence.rolled_back
    uncertain = {one for ids in evidence.uncertain for one in ids}
    yield from (f"event {one} was lost" for one in committed - rows)
    yield from (f"event {one} was rolled back, and exists" for one in rows & rolled_back)
    yield from (f"event {one} has no transaction" for one in rows - committed - uncertain - rolled_back)
    for ids in evidence.uncertain:
        if 0 < len(rows & set(ids)) < len(ids):
            yield f"half of a transaction committed: {ids}"


@check
def changes_have_events(evidence: Evidence) -> Iterator[str]:
    """every lead, conversation and message has exactly one event, and no event is about another object"""
    for name, key, rows in (
        ("lead.created", "lead", set(evidence.leads)),
        ("conversation.created", "conversation", set(evidence.conversations)),
        ("message.created", "message", evidence.messages),
    ):
        counted = Counter(event.body["data"][key]["_id"] for event in evidence.events.values() if event.name == name)
        yield from (f"{name} missing for {one}" for one in rows - set(counted))
        yield from (f"{name} of {one}, which does not exist" for one in set(counted) - rows)
        yield from (f"{name} {count} times for {one}" for one, count in counted.items() if count > 1)


@check
def statuses_form_chains(evidence: Evidence) -> Iterator[str]:
    """the status changes of each lead and conversation form a chain from its first status to its present one"""
    for key, rows, first in (("lead", evidence.leads, "new"), ("conversation", evidence.conversations, "open")):
        now = dict.fromkeys(rows, first)
        for event in sorted(evidence.events.values(), key=lambda event: event.sequence):
            if event.name == f"{key}.status_changed":
                data = event.body["data"]
                one = data[key]["_id"]
                if now.get(one) != data["previousStatus"]:
                    yield f"{key} {one} was {now.get(one)}, not {data['previousStatus']}"
                now[one] = data[key]["status"]
        yield from (f"{key} {one} is {rows[one]}, its events say {now[one]}" for one in rows if now[one] != rows[one])


@check
def events_have_their_deliveries(evidence: Evidence) -> Iterator[str]:
    """every event has one delivery for each matching subscription, and for no other"""
    wanted = {
        (event.id, id_)
        for event in evidence.events.values()
        for id_, one in evidence.subscriptions.items()
        if str(one.workspace_id) == event.workspace
        and event.name in one.events
        and (one.brand_id is None or str(one.brand_id) == event.brand)
    }
    there = Counter((str(one.event_id), str(one.subscription_id)) for one in evidence.deliveries.values())
    yield from (f"no delivery of {event} for {one}" for event, one in wanted - set(there))
    yield from (f"a delivery of {event} for {one}, which does not match it" for event, one in set(there) - wanted)


@check
def nothing_is_left_undone(evidence: Evidence) -> Iterator[str]:
    """no delivery is pending, held or leased, and no attempt is unfinished"""
    if evidence.drained_seconds is None:
        yield "some deliveries were not finished in time"
    for id_, one in evidence.deliveries.items():
        if one.lease or one.status not in ("succeeded", "failed"):
            yield f"delivery {id_} is {one.status}, lease {one.lease}"
        if any(attempt.outcome == "started" for attempt in evidence.attempts[id_]):
            yield f"delivery {id_} has an attempt that never ended"


@check
def success_had_a_2xx(evidence: Evidence) -> Iterator[str]:
    """only the last attempt of a succeeded delivery succeeded, and its receiver responded to it with 2xx"""
    given = {(each.delivery_id, each.number) for each in evidence.receipts if 200 <= (each.status or 0) < 300}
    for id_, one in evidence.deliveries.items():
        if one.status == "succeeded":
            right = [attempt.number for attempt in evidence.attempts[id_] if attempt.outcome == "succeeded"]
            if right != [one.last_number]:
                yield f"delivery {id_} succeeded with attempts {right} of {one.last_number}"
            elif (id_, right[0]) not in given:
                yield f"delivery {id_} succeeded, and its receiver gave no 2xx"


@check
def failure_took_six_attempts(evidence: Evidence) -> Iterator[str]:
    """a failed delivery has exactly six failed attempts (or five interruptions), and none that succeeded"""
    for id_, one in evidence.deliveries.items():
        ended = Counter(attempt.outcome for attempt in evidence.attempts[id_])
        if one.attempts_made != ended["failed"] + ended["succeeded"] or one.interruptions != ended["interrupted"]:
            yield f"delivery {id_} counts {one.attempts_made} and {one.interruptions} interruptions, its attempts {ended}"
        if one.status == "failed":
            is_six = ended["failed"] == times.ATTEMPTS and not ended["succeeded"]
            if not is_six and not (ended["interrupted"] == times.MAX_INTERRUPTIONS and not ended["succeeded"]):
                yield f"delivery {id_} failed after {dict(ended)}"


@check
def always_failing_receivers_fail(evidence: Evidence) -> Iterator[str]:
    """a receiver that never responds with 2xx has only failed deliveries, one that always does has only succeeded ones"""
    expected = dict.fromkeys(("broken", "redirecting", "hanging", "hanging too"), "failed")
    expected |= dict.fromkeys(
        ("steady", "slow", "huge", "paused", "leads only", "other workspace", "statuses of all"), "succeeded"
    )
    for id_, one in evidence.deliveries.items():
        receiver = evidence.receiver_of[str(one.subscription_id)]
        was_interrupted = one.interruptions == times.MAX_INTERRUPTIONS
        if receiver in expected and one.status != expected[receiver] and not was_interrupted:
            yield f"{receiver}: delivery {id_} {one.status}"


@check
def numbers_have_no_gaps(evidence: Evidence) -> Iterator[str]:
    """attempts are numbered from 1 without gaps; a number is sent twice only if a reused connection returned no response"""
    for id_, one in evidence.deliveries.items():
        numbers = [attempt.number for attempt in evidence.attempts[id_]]
        if numbers != list(range(1, one.last_number + 1)):
            yield f"delivery {id_} has attempts {numbers}, its last number is {one.last_number}"
    sent: dict[tuple[str, int], list[Receipt]] = defaultdict(list)
    for each in sorted(evidence.receipts, key=lambda each: each.at):
        sent[each.delivery_id, each.number].append(each)
    for (id_, number), receipts in sent.items():
        if len(receipts) > 2 or any(each.is_first or each.status for each in receipts[:-1]):
            yield f"attempt {number} of delivery {id_} was sent {len(receipts)} times"
        if id_ not in evidence.deliveries or number > evidence.deliveries[id_].last_number:
            yield f"attempt {number} of delivery {id_} was sent but is not recorded"


@check
def receivers_saw_only_what_committed(evidence: Evidence) -> Iterator[str]:
    """no receiver got an event or a change that did not commit, or that belongs to another receiver"""
    for each in evidence.receipts:
        delivery = evidence.deliveries.get(each.delivery_id)
        if each.is_of_rolled_back_change or each.event_id not in evidence.events:
            yield f"{each.receiver} saw event {each.event_id}, which was rolled back"
        elif delivery is None or str(delivery.event_id) != each.event_id:
            yield f"{each.receiver} saw event {each.event_id} as delivery {each.delivery_id}"
        elif evidence.receiver_of[str(delivery.subscription_id)] != each.receiver:
            yield f"{each.receiver} got what belongs to {evidence.receiver_of[str(delivery.subscription_id)]}"


@check
def duplicates_are_the_same(evidence: Evidence) -> Iterator[str]:
    """repeated requests have the same event id, delivery id and body, byte for byte as recorded"""
    for (receiver, event), receipts in receipts_by_event(evidence).items():
        if len({each.delivery_id for each in receipts}) > 1:
            yield f"{receiver} got event {event} as different deliveries"
        known = evidence.events.get(event)
        if known and any(each.digest != known.digest for each in receipts):
            yield f"{receiver} got event {event} with another body"


@check
def signatures_are_right(evidence: Evidence) -> Iterator[str]:
    """every request has a valid signature"""
    return (
        f"{each.receiver}: attempt {each.number} of {each.event_id}" for each in evidence.receipts if not each.is_signed
    )


@check
def counts_agree(evidence: Evidence) -> Iterator[str]:
    """the counts of each subscription agree with its deliveries and attempts"""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for id_, one in evidence.deliveries.items():
        subscription = found[str(one.subscription_id)]
        subscription[f"deliveries_{one.status}"] += 1
        subscription.update(f"attempts_{attempt.outcome}" for attempt in evidence.attempts[id_])
    for id_, sums in evidence.counts.items():
        for name in ("deliveries_succeeded", "deliveries_failed", "attempts_succeeded", "attempts_failed"):
            if getattr(sums, name) != found[id_][name]:
                yield f"{evidence.receiver_of[id_]}: {name} is {getattr(sums, name)}, there are {found[id_][name]}"
        if sums.attempts_interrupted != found[id_]["attempts_interrupted"]:
            yield f"{evidence.receiver_of[id_]}: {sums.attempts_interrupted} interruptions counted"
    yield from (f"{evidence.receiver_of[id_]} is not counted at all" for id_ in set(found) - set(evidence.counts))


@check
def traps_stay_empty(evidence: Evidence) -> Iterator[str]:
    """no redirect was followed, and no forbidden address was connected to"""
    if evidence.trapped:
        yield f"{evidence.trapped} connections"
    for attempts in evidence.attempts.values():
        yield from (f"attempt at {one.address}" for one in attempts if one.address not in ("", times.RECEIVER_ADDRESS))
