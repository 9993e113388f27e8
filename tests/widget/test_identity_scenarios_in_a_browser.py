"""Browser tests: whoever writes, signs in, signs out or shares a device, everybody reads only their own thread."""

import pytest

from tests.tiers import slow
from tests.widget.test_identity_in_a_browser import Tab
from tests.widget.visitors import identity_of

pytestmark = [pytest.mark.browser, pytest.mark.live, pytest.mark.django_db(transaction=True)]


# Steps of (tab, action, value), and the texts shown at the end: in each tab, and to each person on a new device.
# "phone" and "phone 2" are tabs of one device.
SCENARIOS = {
    "written, then identified": (
        [("phone", "write", "a1"), ("phone", "identify", "anna")],
        {"phone": ["a1"], "anna": ["a1"]},
    ),
    "identified, then written": (
        [("phone", "identify", "anna"), ("phone", "write", "a1")],
        {"phone": ["a1"], "anna": ["a1"]},
    ),
    "written, identified, another identified": (
        [("phone", "write", "a1"), ("phone", "identify", "anna"), ("phone", "identify", "bert")],
        {"phone": [], "anna": ["a1"], "bert": []},
    ),
    "written, identified, another identified and writes": (
        [
            ("phone", "write", "a1"),
            ("phone", "identify", "anna"),
            ("phone", "identify", "bert"),
            ("phone", "write", "b1"),
        ],
        {"phone": ["b1"], "anna": ["a1"], "bert": ["b1"]},
    ),
    "identified, written, reset, another identified and writes": (
        [
            ("phone", "identify", "anna"),
            ("phone", "write", "a1"),
            ("phone", "reset", None),
            ("phone", "identify", "bert"),
            ("phone", "write", "b1"),
        ],
        {"phone": ["b1"], "anna": ["a1"], "bert": ["b1"]},
    ),
    "reset, written anonymously, another identified": (
        [
            ("phone", "identify", "anna"),
            ("phone", "write", "a1"),
            ("phone", "reset", None),
            ("phone", "write", "x1"),
            ("phone", "identify", "bert"),
        ],
        {"phone": ["x1"], "anna": ["a1"], "bert": ["x1"]},
    ),
    "identified, reset, identified again": (
        [
            ("phone", "identify", "anna"),
            ("phone", "write", "a1"),
            ("phone", "reset", None),
            ("phone", "identify", "anna"),
        ],
        {"phone": ["a1"], "anna": ["a1"]},
    ),
    "a reload between one person and the next": (
        [
            ("phone", "write", "a1"),
            ("phone", "identify", "anna"),
            ("phone", "reads", ["a1"]),
            ("phone", "load", None),
            ("phone", "identify", "bert"),
        ],
        {"phone": [], "anna": ["a1"], "bert": []},
    ),
    "an id with a thread on another device": (
        [
            ("laptop", "identify", "anna"),
            ("laptop", "write", "a1"),
            ("phone", "write", "a2"),
            ("phone", "identify", "anna"),
        ],
        {"phone": ["a1", "a2"], "laptop": ["a1", "a2"], "anna": ["a1", "a2"]},
    ),
    "two devices with one new id": (
        [
            ("phone", "write", "a1"),
            ("laptop", "write", "a2"),
            ("phone", "identify", "anna"),
            ("laptop", "identify", "anna"),
        ],
        {"phone": ["a1", "a2"], "laptop": ["a1", "a2"], "anna": ["a1", "a2"]},
    ),
    "one tab writes, the other identifies": (
        [("phone", "write", "a1"), ("phone 2", "identify", "anna"), ("phone", "write", "a2")],
        {"phone": ["a1", "a2"], "phone 2": ["a1", "a2"], "anna": ["a1", "a2"]},
    ),
    "two tabs with two persons": (
        [
            ("phone", "identify", "anna"),
            ("phone", "write", "a1"),
            ("phone 2", "identify", "bert"),
            ("phone 2", "write", "b1"),
            ("phone", "reads", []),
            ("phone", "write", "a2"),
            ("phone 2", "reads", []),
        ],
        {"phone": ["a1", "a2"], "phone 2": [], "anna": ["a1", "a2"], "bert": ["b1"]},
    ),
}


IN_THE_FIRST_TIER = ["reset, written anonymously, another identified", "two tabs with two persons"]


@pytest.mark.parametrize(
    "scenario", [*IN_THE_FIRST_TIER, *slow(*(name for name in SCENARIOS if name not in IN_THE_FIRST_TIER))]
)
def test_everybody_reads_only_their_own_thread(site, browser, tenants, scenario):
    steps, expected = SCENARIOS[scenario]
    identity_of(tenants.north)  # the first call creates the identity secret
    contexts, tabs = {}, {}

    def tab(name):
        if name not in tabs:
            device = name.split()[0]
            if device not in contexts:
                contexts[device] = browser.new_context()
            tabs[name] = Tab(site, contexts[device].new_page())
        return tabs[name]

    def perform(name, verb, value):
        if verb == "identify":
            tab(name).identify(tenants.north, value)
        elif verb == "reads":
            tab(name).expect_thread(*value)
        elif verb == "reset":
            tab(name).call_api("reset")
        elif verb == "load":
            tab(name).load()
        else:
            tab(name).write(value)

    for step in steps:
        perform(*step)
    for name, texts in expected.items():
        if name in ("anna", "bert"):
            tab(f"{name}'s").identify(tenants.north, name)
            tab(f"{name}'s").expect_thread(*texts)
        else:
            tab(name).expect_thread(*texts)
    for context in contexts.values():
        context.close()
