"""The encoding and the version numbers of the sync protocol, without a WebSocket."""

import json
import math

import pytest

from praxtalk.core.live import protocol, timestamps, wire_format
from praxtalk.core.live.executor import QueryOutcome
from praxtalk.core.live.protocol import ModifyQuerySet, Violation
from praxtalk.core.live.results import Code, Failure, FunctionError, Success, to_failure
from praxtalk.core.live.session import Session
from praxtalk.core.live.timestamps import Timestamps


@pytest.mark.parametrize(
    ("value", "wire"),
    [
        (3, "3.0"),
        (True, "true"),
        (None, "null"),
        ("é", '"é"'),
        (2**62 + 1, '{"$integer":"AQAAAAAAAEA="}'),
        (math.inf, '{"$float":"AAAAAAAA8H8="}'),
        (-0.0, '{"$float":"AAAAAAAAAIA="}'),
        (b"\x00\x01hi", '{"$bytes":"AAFoaQ=="}'),
        ({"a": [1, {"b": 1.5}]}, '{"a":[1.0,{"b":1.5}]}'),
    ],
)
def test_values_are_encoded_as_the_clients_expect(value, wire):
    assert wire_format.encode(value) == wire
    back = wire_format.decode(json.loads(wire))
    assert back == value
    assert type(back) is type(value)


@pytest.mark.parametrize("value", [{"$a": 1}, {"é": 1}, {"": 1}, {"a" * 1025: 1}, {1: 2}, object(), {1, 2}, "\ud800"])
def test_values_that_a_client_could_not_read_are_not_encoded(value):
    with pytest.raises(wire_format.UnsupportedValue):
        wire_format.encode(value)


@pytest.mark.parametrize(
    "wire",
    [
        {"$integer": "AQ=="},
        {"$integer": 5},
        {"$float": "x"},
        {"$bytes": "*"},
        {"$other": "AA=="},
        {"é": 1},
        {"a": {"$bytes": None}},
    ],
)
def test_malformed_values_are_refused(wire):
    with pytest.raises(wire_format.UnsupportedValue):
        wire_format.decode(wire)


def test_deep_nesting_is_refused():
    nested = 1
    for _ in range(100):
        nested = [nested]
    with pytest.raises(wire_format.UnsupportedValue):
        wire_format.decode(nested)


def test_field_names_from_clients_are_not_cached():
    before = wire_format._is_outgoing_field_name.cache_info().currsize
    with pytest.raises(wire_format.UnsupportedValue):
        wire_format.decode({"x" * 200_000: 1})
    assert wire_format.decode({"conversationId": "a"}) == {"conversationId": "a"}
    assert wire_format._is_outgoing_field_name.cache_info().currsize == before


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "no json",
        "[]",
        "null",
        '{"type":"Other"}',
        '{"type":"Connect"}',
        '{"type":"Connect","sessionId":5}',
        '{"type":"Connect","sessionId":"a","maxObservedTimestamp":"no"}',
        '{"type":"Connect","sessionId":"a","maxObservedTimestamp":5}',
        '{"type":"ModifyQuerySet","baseVersion":0,"newVersion":1}',
        '{"type":"ModifyQuerySet","baseVersion":-1,"newVersion":1,"modifications":[]}',
        '{"type":"ModifyQuerySet","baseVersion":0,"newVersion":1e300,"modifications":[]}',
        '{"type":"ModifyQuerySet","baseVersion":true,"newVersion":1,"modifications":[]}',
        '{"type":"ModifyQuerySet","baseVersion":0,"newVersion":1,"modifications":[{"type":"Add","queryId":0}]}',
        '{"type":"ModifyQuerySet","baseVersion":0,"newVersion":1,"modifications":[5]}',
        '{"type":"Mutation","requestId":"0","udfPath":"a:b"}',
        '{"type":"Mutation","requestId":0}',
        '{"type":"Authenticate","baseVersion":0,"tokenType":"User"}',
    ],
)
def test_an_invalid_frame_is_a_violation(frame):
    with pytest.raises(Violation):
        protocol.parse(frame)


def test_an_admin_key_is_refused_as_a_bad_token():
    assert protocol.parse('{"type":"Authenticate","baseVersion":0,"tokenType":"Admin","value":"x"}').token == ""


def test_timestamps_only_increase(monkeypatch):
    clock = iter([100, 90, 90, 200])
    monkeypatch.setattr(timestamps.time, "time_ns", lambda: next(clock))
    ticks = Timestamps()
    assert [ticks.next() for _ in range(4)] == [100, 101, 102, 200]


def test_the_clock_of_another_node_is_trusted_up_to_a_minute_ahead(monkeypatch):
    monkeypatch.setattr(timestamps.time, "time_ns", lambda: 10**12)
    ticks = Timestamps()
    ticks.observe(10**12 + 59 * 10**9)
    assert ticks.next() == 10**12 + 59 * 10**9 + 1
    ticks.observe(2**64 - 1)
    assert ticks.next() == 10**12 + 59 * 10**9 + 2


def test_timestamps_are_little_endian_base64():
    assert timestamps.encode(1) == "AQAAAAAAAAA="
    assert timestamps.decode("AQAAAAAAAAA=") == 1


class SessionClient:
    """A Session, and a client's view of it: the version and the changes that its Transitions contain."""

    def __init__(self):
        self.session = Session()
        self.end = {"querySet": 0, "identity": 0, "ts": "AAAAAAAAAAA="}
        self.ts = 0

    def transition(self):
        self.ts += 1
        modifications = []
        self.frames = list(self.session.transitions(self.ts))
        for text in self.frames:
            frame = json.loads(text)
            assert frame["startVersion"] == self.end
            self.end = frame["endVersion"]
            modifications += frame["modifications"]
        assert self.end["ts"] == timestamps.encode(self.ts)
        return modifications

    def add(self, *numbers, base=0):
        adds = [protocol.Add(number, "a:b", []) for number in numbers]
        self.session.modify(ModifyQuerySet(base, base + 1, adds))
        for number in numbers:
            self.session.add_query(number)


def value(text):
    return QueryOutcome(Success(text))


def test_a_result_is_sent_once_until_it_changes():
    client = SessionClient()
    client.add(0, 1)
    client.session.set_result(0, value("1.0"))
    assert [change["queryId"] for change in client.transition()] == [0]
    client.session.set_result(0, value("1.0"))
    client.session.set_result(1, value("5.0"))
    assert [(change["queryId"], change["value"]) for change in client.transition()] == [(1, 5.0)]
    client.session.set_result(0, value("2.0"))
    client.session.set_result(0, value("1.0"))  # back to the value that was sent last
    assert not client.session.has_pending
    assert client.transition() == []


def test_a_failure_turns_into_a_value_and_back():
    client = SessionClient()
    client.add(0)
    refusal = to_failure(FunctionError(Code.NOT_FOUND, "No such thing.", retry_after=3))
    for outcome in (QueryOutcome(refusal), value("1.0"), QueryOutcome(Failure("plain"))):
        client.session.set_result(0, outcome)
    (change,) = client.transition()
    assert (change["type"], change["errorMessage"]) == ("QueryFailed", "plain")
    assert "errorData" not in change
    client.session.set_result(0, QueryOutcome(refusal))
    (change,) = client.transition()
    assert change["errorData"] == {"code": "NOT_FOUND", "message": "No such thing.", "retryAfter": 3.0}


def test_a_removed_query_gets_no_more_results():
    client = SessionClient()
    client.add(0)
    client.session.set_result(0, value("1.0"))
    client.session.remove_query(0)
    client.session.set_result(0, value("2.0"))
    assert client.transition() == [{"type": "QueryRemoved", "queryId": 0}]


def test_large_results_are_sent_in_several_frames_and_only_the_last_advances_the_timestamp():
    client = SessionClient()
    client.add(*range(5))
    for number in range(5):
        client.session.set_result(number, value(f'"{"x" * 600_000}"'))
    before = client.end["ts"]
    assert [change["queryId"] for change in client.transition()] == [0, 1, 2, 3, 4]
    assert len(client.frames) == 5
    ends = [json.loads(frame)["endVersion"] for frame in client.frames]
    assert [end["ts"] for end in ends[:-1]] == [before] * 4
    client.session.set_result(3, value(f'"{"x" * 600_000}"'))
    assert not client.session.has_pending


def test_version_numbers_that_are_not_consecutive_are_violations():
    client = SessionClient()
    client.add(0)
    for wrong in (
        lambda: client.add(5, base=0),
        lambda: client.add(5, base=2),
        lambda: client.session.modify(ModifyQuerySet(1, 1, [])),
        lambda: client.session.add_query(0),
        lambda: client.session.remove_query(7),
        lambda: client.session.authenticate(protocol.Authenticate(1, "token")),
    ):
        with pytest.raises(Violation):
            wrong()
