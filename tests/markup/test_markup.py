"""The text of messages as HTML, in Python and in JavaScript: both must pass the cases of cases.json."""

import json
import subprocess
import time
from pathlib import Path

import pytest

from praxtalk.core.markup import markup_html, plain_html
from tests.live.conftest import need_node

FOLDER = Path(__file__).parent
CASES = json.loads((FOLDER / "cases.json").read_text())
HOSTILE = json.loads((FOLDER / "hostile.json").read_text())


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_text_is_shown_as_in_the_table(case):
    assert markup_html(case["text"]) == case["markdown"]
    if "plain" in case:
        assert plain_html(case["text"]) == case["plain"]


def test_javascript_shows_the_same():
    need_node()
    command = ["node", "--test", "--test-reporter=spec", FOLDER / "markup.test.mjs"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, "\n".join(line for line in run.stdout.splitlines() if "✔" not in line)


def test_each_name_in_the_table_is_used_once():
    names = [case["name"] for case in CASES]
    assert sorted(set(names)) == sorted(names)


def seconds(part, length):
    """Return the CPU time of the shortest of three runs. The text repeats `part` until it has this length."""
    text = (part * length)[:length]
    runs = []
    for _ in range(3):
        begun = time.process_time()
        markup_html(text)
        plain_html(text)
        runs.append(time.process_time() - begun)
    return min(runs)


@pytest.mark.parametrize("part", HOSTILE, ids=ascii)
def test_time_grows_with_the_length_and_not_with_its_square(part):
    for _ in range(3):  # the machine may be busy
        short, long = seconds(part, 1_500), seconds(part, 24_000)  # 16 times as long; the square is 256
        if long < 100 * max(short, 0.0005):
            return
    pytest.fail(f"{short} s, then {long} s")


@pytest.mark.parametrize("part", HOSTILE, ids=ascii)
def test_hostile_text_adds_no_other_elements_and_keeps_its_words(part):
    html = markup_html(f"{part * 500}<script>last")
    assert "<script" not in html
    assert "last" in html
