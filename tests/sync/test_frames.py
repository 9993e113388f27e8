"""What the protocol counts and writes, without a socket."""

import json
import math

import pytest

from praxtalk.core.live import protocol, timestamps, wire_format
from praxtalk.core.live.executor import Answer
from praxtalk.core.live.protocol import ModifyQuerySet, Violation
from praxtalk.core.live.results import Code, Failure, FunctionError, Success, failure_of
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
def test_values_are_written_as_the_clients_read_them(value, wire):
    assert wire_format.encode(value) == wire
    back = wire_format.decode(json.loads(wire))
    assert back == value
    assert type(back) is type(value)


@pytest.mark.parametrize("value", [{"$a": 1}, {"é": 1}, {"": 1}, {"a" * 1025: 1}, {1: 2}, object(), {1, 2}, "\ud800"])
def test_what_a_client_could_not_read_is_not_sent(value):
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


def test_names_that_clients_send_are_not_kept():
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
def test_a_broken_frame_is_a_violation(frame):
    with pytest.raises(Violation):
        protocol.parse(frame)


def test_an_admin_key_is_refused_as_a_bad_token():
    assert protocol.parse('{"type":"Authenticate","baseVersion":0,"tokenType":"Admin","value":"x"}').token == ""


def test_time_only_goes_forward(monkeypatch):
    clock = iter([100, 90, 90, 200])
    monkeypatch.setattr(timestamps.time, "time_ns", lambda: next(clock))
    ticks = Timestamps()
    assert [ticks.next() for _ in range(4)] == [100, 101, 102, 200]


def test_another_nodes_clock_is_believed_for_a_minute_ahead_only(monkeypatch):
    monkeypatch.setattr(timestamps.time, "time_ns", lambda: 10**12)
    ticks = Timestamps()
    ticks.observe(10**12 + 59 * 10**9)
    assert ticks.next() == 10**12 + 59 * 10**9 + 1
    ticks.observe(2**64 - 1)
    assert ticks.next() == 10**12 + 59 * 10**9 + 2


def test_timestamps_are_little_endian_base64():
    assert timestamps.written(1) == "AQAAAAAAAAA="
    assert timestamps.read("AQAAAAAAAAA=") == 1


class Talk:
    """A session, with its Transitions read back."""

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
        assert self.end["ts"] == timestamps.written(self.ts)
        return modifications

    def add(self, *numbers, base=0):
        adds = [protocol.Add(number, "a:b", []) for number in numbers]
        self.session.modify(ModifyQuerySet(base, base + 1, adds))
        for number in numbers:
            self.session.added(number)


def value(text):
    return Answer(Success(text))


def test_a_result_is_sent_once_until_it_changes():
    talk = Talk()
    talk.add(0, 1)
    talk.session.answered(0, value("1.0"))
    assert [change["queryId"] for change in talk.transition()] == [0]
    talk.session.answered(0, value("1.0"))
    talk.session.answered(1, value("5.0"))
    assert [(change["queryId"], change["value"]) for change in talk.transition()] == [(1, 5.0)]
    talk.session.answered(0, value("2.0"))
    talk.session.answered(0, value("1.0"))  # back before anybody saw it
    assert not talk.session.has_news
    assert talk.transition() == []


def test_a_failure_turns_into_a_value_and_back():
    talk = Talk()
    talk.add(0)
    refusal = failure_of(FunctionError(Code.NOT_FOUND, "No such thing.", retry_after=3))
    for answer in (Answer(refusal), value("1.0"), Answer(Failure("plain"))):
        talk.session.answered(0, answer)
    (change,) = talk.transition()
    assert (change["type"], change["errorMessage"]) == ("QueryFailed", "plain")
    assert "errorData" not in change
    talk.session.answered(0, Answer(refusal))
    (change,) = talk.transition()
    assert change["errorData"] == {"code": "NOT_FOUND", "message": "No such thing.", "retryAfter": 3.0}


def test_a_removed_query_is_never_heard_of_again():
    talk = Talk()
    talk.add(0)
    talk.session.answered(0, value("1.0"))
    talk.session.removed(0)
    talk.session.answered(0, value("2.0"))
    assert talk.transition() == [{"type": "QueryRemoved", "queryId": 0}]


def test_large_results_go_in_several_frames_and_only_the_last_covers_the_time():
    talk = Talk()
    talk.add(*range(5))
    for number in range(5):
        talk.session.answered(number, value(f'"{"x" * 600_000}"'))
    before = talk.end["ts"]
    assert [change["queryId"] for change in talk.transition()] == [0, 1, 2, 3, 4]
    assert len(talk.frames) == 5
    ends = [json.loads(frame)["endVersion"] for frame in talk.frames]
    assert [end["ts"] for end in ends[:-1]] == [before] * 4
    talk.session.answered(3, value(f'"{"x" * 600_000}"'))
    assert not talk.session.has_news


def test_counts_that_do_not_follow_each_other_are_violations():
    talk = Talk()
    talk.add(0)
    for wrong in (
        lambda: talk.add(5, base=0),
        lambda: talk.add(5, base=2),
        lambda: talk.session.modify(ModifyQuerySet(1, 1, [])),
        lambda: talk.session.added(0),
        lambda: talk.session.removed(7),
        lambda: talk.session.authenticate(protocol.Authenticate(1, "token")),
    ):
        with pytest.raises(Violation):
            wrong()
