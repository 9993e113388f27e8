"""Our own client, static/live/client.js, in a real Chromium. The scenarios of the public clients run it too, as "own"."""

import pytest

from tests.conftest import go_back_to_kept
from tests.live.conftest import bodies_of
from tests.live.driver import wait_for
from tests.live.proxy import Proxy
from tests.servers import PROJECT

TAB = (PROJECT / "tests/live/own_client/tab.js").read_text()
HIDE_AND_SHOW = "() => document.dispatchEvent(new Event('visibilitychange', { bubbles: true }))"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.live,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("chromium"),
]


class Tab:
    """A page with a client, which gets one token after the other, then the last again; see tab.js."""

    def __init__(self, page, scene, *tokens, url=None):
        self.page, self.scene, self.problems = page, scene, []
        self.sockets = []
        self.url = url or scene.url
        page.on("websocket", lambda socket: self.sockets.append(socket))
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.goto(f"{self.url}/static/live/demo.html")
        page.evaluate(TAB, [self.url, tokens or [scene.token]])

    def watch(self, what="thread", name="messages:list", args=None):
        args = args or {"conversationId": self.scene.id}
        self.page.evaluate("(all) => tab.watch(...all)", [what, name, args])

    def send(self, body):
        """Its outcome is what `body` tells."""
        args = {"conversationId": self.scene.id, "body": body}
        self.page.evaluate("(all) => tab.mutate(...all)", [body, "messages:send", args])

    def all(self, what):
        return self.page.evaluate("(what) => tab.all(what)", what)

    def until(self, what, matches=lambda value: value is not None, patience=10):
        """The newest of it, once it matches."""
        newest = lambda: self.page.evaluate("(what) => [tab.newest(what)]", what)  # noqa: E731
        wait_for(lambda: matches(newest()[0]), f"{what} at first: {newest()}", patience)
        return newest()[0]

    def until_shown(self, *bodies):
        self.until("thread", lambda thread: thread and bodies_of(thread)[-len(bodies) :] == list(bodies))

    def until_state(self, *states):
        wait_for(lambda: self.all("state") == list(states), self.all("state"))


def stop_time(page):
    """No wait that its scripts begin from now on ends by itself."""
    page.clock.install()
    page.clock.pause_at(page.evaluate("Date.now() / 1000 + 1"))


@pytest.fixture
def tab(page, scene):
    """tab(*tokens, url=...) -> Tab in the test's own page."""
    yield lambda *tokens, **options: Tab(page, scene, *tokens, **options)
    page.close()  # before the tables are emptied


@pytest.fixture
def proxy(scene):
    with Proxy(int(scene.url.rsplit(":", 1)[1])) as running:
        yield running


def test_it_watches_and_writes(scene, tab):
    tab = tab()
    tab.watch()
    tab.watch("inbox", "conversations:listInbox", {"status": "open"})
    tab.until_shown("Hello?")
    tab.until_state("connecting", "live")
    scene.send_by_rest("by REST")
    tab.until_shown("by REST")
    scene.send_from_shell("by the shell")
    tab.until_shown("by the shell")
    tab.send("by itself")
    assert tab.until("by itself")["messageId"]
    order = [what for what, _ in tab.page.evaluate("tab.news")]
    assert order.index("by itself") > max(n for n, what in enumerate(order) if what == "thread")
    tab.until("inbox", lambda rows: rows[0]["preview"] == "by itself")
    assert bodies_of(tab.until("thread")) == scene.bodies() == ["Hello?", "by REST", "by the shell", "by itself"]
    tab.watch("wrong", "messages:list", {"colour": "blue"})
    assert "colour" in tab.until("wrong failed")
    assert tab.problems == []


def test_a_mutation_whose_answer_was_lost_happens_once(scene, tab, proxy):
    tab = tab(url=proxy.url)
    tab.watch()
    tab.until_shown("Hello?")
    proxy.hush()
    for body in ("one", "two", "three"):
        tab.send(body)
    wait_for(lambda: scene.bodies() == ["Hello?", "one", "two", "three"], scene.bodies)
    assert tab.all("three") == []
    proxy.cut()
    ids = [tab.until(body)["messageId"] for body in ("one", "two", "three")]
    assert ids == [str(message.pk) for message in scene.talk.messages.order_by("position")][1:]
    tab.until_shown("Hello?", "one", "two", "three")
    assert len(scene.bodies()) == 4
    tab.until_state("connecting", "live", "connecting", "live")


def test_what_is_written_while_offline_goes_out_at_once_when_online(scene, tab):
    """Time stands still in the page: no wait that it planned ever ends."""
    tab = tab()
    tab.watch()
    tab.until_shown("Hello?")
    stop_time(tab.page)
    tab.page.context.set_offline(True)
    tab.until_state("connecting", "live", "offline")
    tab.send("typed on a train")
    scene.send_by_rest("meanwhile")
    tab.page.context.set_offline(False)
    tab.until_shown("meanwhile", "typed on a train")
    tab.until_state("connecting", "live", "offline", "live")
    assert tab.until("typed on a train")["messageId"]


def test_a_page_that_becomes_visible_does_not_wait(scene, tab, proxy):
    tab = tab(url=proxy.url)
    tab.watch()
    tab.until_shown("Hello?")
    stop_time(tab.page)
    proxy.cut()
    tab.until_state("connecting", "live", "connecting")
    tab.page.evaluate(HIDE_AND_SHOW)
    tab.until_state("connecting", "live", "connecting", "live")


def test_a_connection_that_fell_silent_is_replaced(scene, tab, proxy):
    tab = tab(url=proxy.url)
    stop_time(tab.page)
    tab.watch()
    tab.until_shown("Hello?")
    proxy.hush()
    scene.send_by_rest("unheard")
    tab.page.clock.run_for(39_999)
    assert tab.all("state") == ["connecting", "live"]
    tab.page.clock.run_for(1)
    tab.until_state("connecting", "live", "connecting")
    proxy.cut()  # else the new connection were hushed, too
    tab.page.clock.run_for(1_000)
    tab.until_shown("unheard")
    tab.until_state("connecting", "live", "connecting", "live")


def test_two_tabs_see_each_other(scene, context, tab):
    here, there = tab(), Tab(context.new_page(), scene)
    for each_tab in (here, there):
        each_tab.watch()
        each_tab.until_shown("Hello?")
    here.send("from here")
    there.until_shown("from here")
    there.send("from there")
    here.until_shown("from here", "from there")
    there.page.close()
    here.send("alone")
    here.until_shown("from there", "alone")
    assert scene.bodies() == ["Hello?", "from here", "from there", "alone"]


def test_a_callback_that_throws_disturbs_nobody(scene, tab):
    tab = tab()
    tab.page.evaluate(
        """(args) => {
            tab.client.watch("messages:list", args, () => { throw new Error("from onValue") });
            tab.client.watch("messages:nothing", args, () => {}, () => { throw new Error("from onError") });
            tab.client.watch("messages:nowhere", args, () => {});
        }""",
        {"conversationId": scene.id},
    )
    tab.watch()
    tab.until_shown("Hello?")
    scene.send_by_rest("and on")
    tab.until_shown("and on")
    wait_for(lambda: tab.page.evaluate("1") and len(tab.problems) == 4, tab.problems)
    thrown = [problem for problem in tab.problems if problem.startswith("from")]
    assert sorted(thrown) == ["from onError", "from onValue", "from onValue"]
    assert "Could not find public function for 'messages:nowhere'" in " ".join(tab.problems)
    assert tab.all("state") == ["connecting", "live"]


def test_a_token_that_runs_out_is_replaced_unnoticed(scene, tab):
    tab = tab(scene.token_of(scene.cast.alice, seconds=2), scene.token)
    tab.watch()
    tab.until_shown("Hello?")
    wait_for(lambda: len(tab.page.evaluate("tab.asked")) == 2, "It did not ask for another token.")
    scene.send_by_rest("hours later")
    tab.until_shown("hours later")
    assert tab.page.evaluate("tab.asked") == [None, "Session expired or invalid. Sign in again."]
    assert tab.all("thread failed") == []


def test_a_refused_token_is_asked_for_again(scene, tab):
    tab = tab("nonsense", scene.token)
    tab.watch()
    tab.until_shown("Hello?")
    assert tab.page.evaluate("tab.asked") == [None, "Session expired or invalid. Sign in again."]


def test_close_leaves_nothing(scene, tab):
    tab = tab()
    tools = tab.page.context.new_cdp_session(tab.page)

    def listeners():
        window = tools.send("Runtime.evaluate", {"expression": "window"})["result"]["objectId"]
        found = tools.send("DOMDebugger.getEventListeners", {"objectId": window})["listeners"]
        return {listener["type"] for listener in found}

    tab.watch()
    tab.until_shown("Hello?")
    assert listeners() >= {"online", "offline", "pageshow", "pagehide", "visibilitychange"}
    tab.page.evaluate("tab.client.close()")
    assert listeners() == {"hashchange"}  # the page's own
    wait_for(lambda: tab.page.evaluate("1") and tab.sockets[0].is_closed(), "The socket is open.")
    tab.send("too late")
    assert "abort" in tab.until("too late failed")
    scene.send_by_rest("unseen")
    assert (len(tab.sockets), len(tab.all("thread")), tab.all("state")) == (1, 1, ["connecting", "live"])


def test_the_back_forward_cache_keeps_the_page(scene, cached_page):
    """Chromium itself closes the sockets of a page in its cache, and shows a page visible again; others need not."""
    tab = Tab(cached_page, scene)
    tab.watch()
    tab.until_shown("Hello?")
    cached_page.evaluate(
        """() => {
            addEventListener("pagehide", () => { tab.left = tab.sockets[0].readyState });
            addEventListener("visibilitychange", (event) => event.stopImmediatePropagation(), { capture: true });
        }"""
    )
    cached_page.goto(f"{scene.url}/api/docs")
    scene.send_by_rest("while away")
    go_back_to_kept(cached_page)
    tab.until_shown("while away")  # the same page: its news are still there
    tab.until_state("connecting", "live", "connecting", "live")
    assert cached_page.evaluate("[tab.left, tab.asked.length]") == [2, 2]  # 2: it is closing
    tab.send("back again")
    tab.until_shown("while away", "back again")
