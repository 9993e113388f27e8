"""Browser tests of our own client, static/live/client.js. It also runs in the scenarios of the public clients, as "own"."""

import pytest

from tests.conftest import go_back_to_cached_page
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
    """A page with a client. The client gets the given tokens one after the other, then the last one again; see tab.js."""

    def __init__(self, page, scene, *tokens, url=None):
        self.page, self.scene, self.problems = page, scene, []
        self.sockets = []
        self.url = url or scene.url
        page.on("websocket", lambda socket: self.sockets.append(socket))
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.goto(f"{self.url}/static/live/client.js")  # any address of this origin
        page.evaluate(TAB, [self.url, tokens or [scene.token]])

    def watch(self, what="thread", name="messages:list", args=None):
        args = args or {"conversationId": self.scene.id}
        self.page.evaluate("(all) => tab.watch(...all)", [what, name, args])

    def send(self, body):
        """Send a message. Its result is recorded under the name `body`."""
        args = {"conversationId": self.scene.id, "body": body}
        self.page.evaluate("(all) => tab.mutate(...all)", [body, "messages:send", args])

    def all(self, what):
        return self.page.evaluate("(what) => tab.all(what)", what)

    def until(self, what, matches=lambda value: value is not None, patience=10):
        """Wait until the newest recorded value of `what` matches, and return it."""
        newest = lambda: self.page.evaluate("(what) => [tab.newest(what)]", what)  # noqa: E731
        wait_for(lambda: matches(newest()[0]), f"{what} at first: {newest()}", patience)
        return newest()[0]

    def until_shown(self, *bodies):
        self.until("thread", lambda thread: thread and bodies_of(thread)[-len(bodies) :] == list(bodies))

    def until_state(self, *states):
        wait_for(lambda: self.all("state") == list(states), self.all("state"))


def pause_timers(page):
    """Pause the page's clock: timers that scripts start from now on never fire by themselves."""
    page.clock.install()
    page.clock.pause_at(page.evaluate("Date.now() / 1000 + 1"))


@pytest.fixture
def tab(page, scene):
    """Return `tab(*tokens, url=...) -> Tab` in the test's own page."""
    yield lambda *tokens, **options: Tab(page, scene, *tokens, **options)
    page.close()  # before the tables are emptied


@pytest.fixture
def proxy(scene):
    with Proxy(int(scene.url.rsplit(":", 1)[1])) as running:
        yield running


def test_own_client_watches_and_sends(scene, tab):
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
    order = [what for what, _ in tab.page.evaluate("tab.events")]
    assert order.index("by itself") > max(n for n, what in enumerate(order) if what == "thread")
    tab.until("inbox", lambda rows: rows[0]["preview"] == "by itself")
    assert bodies_of(tab.until("thread")) == scene.bodies() == ["Hello?", "by REST", "by the shell", "by itself"]
    tab.watch("wrong", "messages:list", {"colour": "blue"})
    assert "colour" in tab.until("wrong failed")
    assert tab.problems == []


def test_mutation_with_a_lost_response_is_executed_once(scene, tab, proxy):
    tab = tab(url=proxy.url)
    tab.watch()
    tab.until_shown("Hello?")
    proxy.drop_responses()
    for body in ("one", "two", "three"):
        tab.send(body)
    wait_for(lambda: scene.bodies() == ["Hello?", "one", "two", "three"], scene.bodies)
    assert tab.all("three") == []
    proxy.disconnect_all()
    ids = [tab.until(body)["messageId"] for body in ("one", "two", "three")]
    assert ids == [str(message.pk) for message in scene.conversation.messages.order_by("position")][1:]
    tab.until_shown("Hello?", "one", "two", "three")
    assert len(scene.bodies()) == 4
    tab.until_state("connecting", "live", "connecting", "live")


def test_mutation_made_offline_is_sent_as_soon_as_online(scene, tab):
    """The page's clock is paused: no planned retry fires."""
    tab = tab()
    tab.watch()
    tab.until_shown("Hello?")
    pause_timers(tab.page)
    tab.page.context.set_offline(True)
    tab.until_state("connecting", "live", "offline")
    tab.send("typed on a train")
    scene.send_by_rest("meanwhile")
    tab.page.context.set_offline(False)
    tab.until_shown("meanwhile", "typed on a train")
    tab.until_state("connecting", "live", "offline", "live")
    assert tab.until("typed on a train")["messageId"]


def test_page_that_becomes_visible_reconnects_immediately(scene, tab, proxy):
    tab = tab(url=proxy.url)
    tab.watch()
    tab.until_shown("Hello?")
    pause_timers(tab.page)
    proxy.disconnect_all()
    tab.until_state("connecting", "live", "connecting")
    tab.page.evaluate(HIDE_AND_SHOW)
    tab.until_state("connecting", "live", "connecting", "live")


def test_silent_connection_is_replaced_after_40_seconds(scene, tab, proxy):
    tab = tab(url=proxy.url)
    pause_timers(tab.page)
    tab.watch()
    tab.until_shown("Hello?")
    proxy.drop_responses()
    scene.send_by_rest("unheard")
    tab.page.clock.run_for(39_999)
    assert tab.all("state") == ["connecting", "live"]
    tab.page.clock.run_for(1)
    tab.until_state("connecting", "live", "connecting")
    proxy.disconnect_all()  # otherwise the new connection would be silenced, too
    tab.page.clock.run_for(1_000)
    tab.until_shown("unheard")
    tab.until_state("connecting", "live", "connecting", "live")


def test_two_tabs_see_each_others_messages(scene, context, tab):
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


def test_throwing_callback_does_not_affect_other_watches(scene, tab):
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


def test_expired_token_is_replaced_without_errors(scene, tab):
    tab = tab(scene.token_of(scene.tenants.alice, seconds=2), scene.token)
    tab.watch()
    tab.until_shown("Hello?")
    wait_for(lambda: len(tab.page.evaluate("tab.tokenRequests")) == 2, "It did not ask for another token.")
    scene.send_by_rest("hours later")
    tab.until_shown("hours later")
    assert tab.page.evaluate("tab.tokenRequests") == [None, "Session expired or invalid. Sign in again."]
    assert tab.all("thread failed") == []


def test_rejected_token_is_requested_again(scene, tab):
    tab = tab("nonsense", scene.token)
    tab.watch()
    tab.until_shown("Hello?")
    assert tab.page.evaluate("tab.tokenRequests") == [None, "Session expired or invalid. Sign in again."]


def test_close_removes_listeners_and_closes_the_socket(scene, tab):
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
    assert listeners() == set()
    wait_for(lambda: tab.page.evaluate("1") and tab.sockets[0].is_closed(), "The socket is open.")
    tab.send("too late")
    assert "abort" in tab.until("too late failed")
    scene.send_by_rest("unseen")
    assert (len(tab.sockets), len(tab.all("thread")), tab.all("state")) == (1, 1, ["connecting", "live"])


@pytest.mark.slow
def test_page_in_the_back_forward_cache_reconnects_when_shown(scene, cached_page):
    """Chromium closes the sockets of cached pages and fires visibilitychange on return. Other browsers may not, so
    the test suppresses that event."""
    tab = Tab(cached_page, scene)
    tab.watch()
    tab.until_shown("Hello?")
    cached_page.evaluate(
        """() => {
            addEventListener("pagehide", () => { tab.left = tab.sockets[0].readyState });
            addEventListener("visibilitychange", (event) => event.stopImmediatePropagation(), { capture: true });
        }"""
    )
    cached_page.goto(f"{scene.url}/app/login/")
    scene.send_by_rest("while away")
    go_back_to_cached_page(cached_page)
    tab.until_shown("while away")  # the same page: its records are still there
    tab.until_state("connecting", "live", "connecting", "live")
    assert cached_page.evaluate("[tab.left, tab.tokenRequests.length]") == [2, 2]  # 2: WebSocket.CLOSING
    tab.send("back again")
    tab.until_shown("while away", "back again")
