"""The example receivers under docs/receivers/, started as a CRM would start them and tested with real requests."""

import contextlib
import importlib.util
import json
import os
import re
import subprocess
import time
from pathlib import Path

import pytest

from integrations.management.commands.receive_webhooks import verify
from integrations.models import Delivery, Event
from integrations.webhooks.signature import signature
from leads.actions import create_lead
from praxtalk.core.db.ids import new_id
from tests.servers import free_port
from tests.webhooks.conftest import deliver_due
from tests.webhooks.languages import LANGUAGES, Receiver, require_language
from tests.webhooks.test_delivery import SEED_VERIFIERS

ROOT = Path(__file__).resolve().parent.parent.parent
RECEIVERS = ROOT / "docs/receivers"
WEBHOOKS = (ROOT / "docs/webhooks.md").read_text()
OLD, NEW = "whsec_b2xkIHNlY3JldCwgb2xkIHNlY3JldCwgb2xkIHM=", "whsec_bmV3IHNlY3JldCwgbmV3IHNlY3JldCwgbmV3IHM="
MAX_BODY = 1024 * 1024


@pytest.fixture(params=LANGUAGES)
def language(request):
    require_language(LANGUAGES[request.param])
    return LANGUAGES[request.param]


@pytest.fixture(scope="session")
def build_go(tmp_path_factory):
    """Return `build_go(source)`, which compiles a source file once and returns the program."""
    programs = {}

    def build(source):
        if source not in programs:
            programs[source] = tmp_path_factory.mktemp("go") / "receiver"
            environment = {"PATH": os.environ["PATH"], "GOCACHE": str(ROOT / ".data/go"), "GOPROXY": "off"}
            command = ["go", "build", "-o", programs[source], source]
            subprocess.run(command, env=environment, cwd=source.parent, check=True, timeout=120)
        return programs[source]

    return build


@pytest.fixture
def run(language, build_go, tmp_path_factory):
    """Return `run(secret, port=any, change=None)`, a context manager of a Receiver.

    change: (old, new) text to replace in a copy of its source.
    """

    def command(source, port):
        match language.tool:
            case "php":
                return ["php", "-S", f"127.0.0.1:{port}", source]
            case "go":
                return [build_go(source)]
        return [language.tool, source]

    @contextlib.contextmanager
    def running(secret, port=None, change=None):
        folder, source, port = tmp_path_factory.mktemp("receiver"), RECEIVERS / language.file, port or free_port()
        if change:
            text = source.read_text()
            assert text.count(change[0]) == 1
            source = folder / language.file
            source.write_text(text.replace(*change))
        environment = {"PATH": os.environ["PATH"], "TMPDIR": str(folder), "PORT": str(port)}
        with (folder / "stdout").open("wb") as out, (folder / "stderr").open("wb") as errors:
            process = subprocess.Popen(
                command(source, port),
                env=environment | {"PRAXTALK_WEBHOOK_SECRET": secret},
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=errors,
            )
        try:
            started = Receiver(port, process, folder)
            started.wait_until_up()
            yield started
        finally:
            process.kill()
            process.wait(10)
        printed = (folder / "stdout").read_text() + (folder / "stderr").read_text()
        assert not secret or secret[:12] not in printed

    return running


def event_body(name="lead.created", **data):
    event = {"id": str(new_id()), "type": name, "createdAt": 1795348312904, "brandId": None, "data": data}
    return json.dumps(event, ensure_ascii=False).encode()


def printed_line(body):
    event = json.loads(body)
    return f"{event['type']} {event['id']}"


def signed(*secrets, body, age=0):
    """Return the signature header with a v1 field for each secret, in this order."""
    return signature(secrets, int(time.time()) - age, body)


def test_repeated_event_is_handled_once(run):
    body = event_body(name="lead.created", lead={"name": "Maya"})
    with run(OLD) as endpoint:
        assert endpoint.post(body, signed(OLD, body=body)) == 204
        assert endpoint.lines == [printed_line(body)]
        assert endpoint.post(body, signed(OLD, body=body, age=4)) == 204
        assert endpoint.lines == [printed_line(body)]


def test_signature_is_checked_over_the_raw_body(run):
    body = '{ "id":"1", "type":"message.created",\t"data":{"body":"Aïcha \N{GRINNING FACE} \\u00e9 1.0 \u2028"} }\r\n'.encode()
    with run(OLD) as endpoint:
        assert endpoint.post(body, signed(OLD, body=body)) == 204
        assert endpoint.lines == ["message.created 1"]


def test_invalid_signature_is_rejected(run):
    body = event_body()
    right = signed(OLD, body=body)
    time_field, v1 = right.split(",")
    wrong = {
        "another secret": signed(NEW, body=body),
        "another body": signed(OLD, body=body + b" "),
        "no header": None,
        "empty": "",
        "garbage": "gar,b=age,,\N{POUND SIGN}",
        "not a field of ASCII": f"{time_field},v1=\N{POUND SIGN}",
        "uppercase": f"{time_field},v1={v1[3:].upper()}",
        "six minutes old": signed(OLD, body=body, age=360),
        "six minutes ahead": signed(OLD, body=body, age=-360),
        "another time": right.replace("t=1", "t=01"),
        "no time": v1,
        "no digits": f"t=,{v1}",
        "far too many digits": f"t={'9' * 30},{v1}",
        "other way round": f"{v1},{time_field}",
        "a space": f"{time_field}, {v1}",
        "a space before": f"{time_field} ,{v1}",
        "cut short": right[:-1],
        "longer": right + "0",
        "no v1": time_field,
        "another version": f"{time_field},v2={v1[3:]}",
    }
    with run(OLD) as endpoint:
        statuses = {name: endpoint.post(body, header) for name, header in wrong.items()}
        assert statuses == dict.fromkeys(wrong, 400)
        assert endpoint.lines == []
        assert endpoint.post(body, right) == 204


def test_timestamp_four_minutes_off_is_accepted(run):
    with run(OLD) as endpoint:
        for age in (240, -240):
            body = event_body()
            assert endpoint.post(body, signed(OLD, body=body, age=age)) == 204


@pytest.mark.parametrize("held", [OLD, NEW], ids=["old", "new"])
def test_either_secret_is_accepted_during_a_rotation(run, held):
    with run(held) as endpoint:
        for order in ((OLD, NEW), (NEW, OLD)):
            body = event_body()
            assert endpoint.post(body, signed(*order, body=body)) == 204
            assert endpoint.post(body + b" ", signed(*order, body=body)) == 400
            assert endpoint.lines[-1] == printed_line(body)
        body = event_body()
        assert endpoint.post(body, signed("whsec_another", "whsec_one_more", body=body)) == 400
        assert endpoint.post(body, signed(held, body=body).replace(",", ",v0=so,") + ",v2=what") == 204


@pytest.mark.parametrize("order", [(OLD, NEW), (NEW, OLD)], ids=["old first", "new first"])
def test_published_verifier_checks_only_the_first_signature_of_a_rotation(tmp_path, order):
    require_language(LANGUAGES["node"])
    script, file, body = tmp_path / "verify.mjs", tmp_path / "body", event_body()
    script.write_text(SEED_VERIFIERS)
    file.write_bytes(body)
    header = signed(*order, body=body)
    status = lambda secret: subprocess.run(["node", script, secret, header, file], check=False).returncode  # noqa: E731
    assert [status(secret) for secret in order] == [0, 1]
    assert [verify(secret, header, body) for secret in (*order, "whsec_another")] == [True, True, False]


def test_pings_and_unknown_event_types_are_accepted(run):
    with run(OLD) as endpoint:
        for name in ("ping", "lead.sneezed"):
            body = event_body(name)
            assert endpoint.post(body, signed(OLD, body=body)) == 204
            assert endpoint.lines[-1] == printed_line(body)


def test_body_over_1_mib_is_rejected(run):
    largest = event_body(padding="")
    largest = largest.replace(b'""', b'"%b"' % (b"x" * (MAX_BODY - len(largest))))
    with run(OLD) as endpoint:
        assert endpoint.post(largest, signed(OLD, body=largest)) == 204
        larger = largest + b" "
        assert endpoint.post(larger, signed(OLD, body=larger)) == 413
        assert endpoint.lines == [printed_line(largest)]


def test_event_whose_handling_failed_is_handled_when_resent(run, language):
    body = event_body()
    with run(OLD, change=(language.print_line, language.failing_line)) as endpoint:
        for _ in range(2):
            assert endpoint.post(body, signed(OLD, body=body)) in (500, None)
        assert endpoint.post(b"[", signed(OLD, body=b"[")) == 500


def test_number_of_remembered_event_ids_is_limited(run):
    bodies = [event_body() for _ in range(10)]
    with run(OLD, change=("10_000", "3")) as endpoint:
        for body in [*bodies, bodies[-2], bodies[0]]:
            assert endpoint.post(body, signed(OLD, body=body)) == 204
        assert endpoint.lines == [printed_line(body) for body in [*bodies, bodies[0]]]


def test_receiver_without_a_secret_accepts_nothing(run, language):
    body = event_body()
    if language.tool == "php":  # PHP runs the script per request, so it cannot fail at startup
        with run("") as endpoint:
            assert endpoint.post(body, signed("", body=body)) == 500
    else:
        with pytest.raises(AssertionError, match="Set PRAXTALK_WEBHOOK_SECRET"), run(""):
            pass


def test_delivery_is_accepted_by_each_example(tenants, subscribe, run):
    port = free_port()
    _, secret = subscribe(f"http://127.0.0.1:{port}/")
    with run(secret, port) as endpoint:
        create_lead(tenants.acme.pk, name="Aïcha \N{GRINNING FACE}", brand=tenants.north)
        (result,) = deliver_due()
        assert result.status_code == 204
        assert endpoint.lines == [f"lead.created {Event.objects.get().pk}"]
    assert Delivery.objects.get().status == "succeeded"


@pytest.mark.parametrize("name", LANGUAGES)
def test_docs_print_the_verifier_of_the_example(name):
    heading, file = LANGUAGES[name][:2]
    block = re.search(rf"^### {heading}$.*?^```\w+\n(.*?)^```$", WEBHOOKS, re.MULTILINE | re.DOTALL)[1]
    assert "function verify(" in block or "def verify(" in block or "func verify(" in block
    assert block in (RECEIVERS / file).read_text()


def test_test_vector_in_the_docs_is_valid():
    secret, body, header = re.search(r"^secret +(.+)\nbody +(.+)\nheader +(.+)$", WEBHOOKS, re.MULTILINE).groups()
    now = int(header[2:].split(",")[0])
    assert signature([secret], now, body.encode()) == header
    spec = importlib.util.spec_from_file_location("receiver", RECEIVERS / "receiver.py")
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    assert example.verify(body.encode(), header, secret, now)
    assert not example.verify(body.encode(), header, secret)
