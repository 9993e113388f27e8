"""Where a browser denies the widget storage or locks, it works as long as the page lives, and says so."""

import json

import pytest

from conversations.models import Message
from tests.live.driver import wait_for
from tests.widget.test_attachments import image
from tests.widget.test_conversation import fill_form, reply_by_rest, shows, until, write
from tests.widget.test_files_in_a_browser import pick
from tests.widget.test_firefox import firefox

__all__ = ["firefox", "reply_by_rest"]

pytestmark = [pytest.mark.browser, pytest.mark.live, pytest.mark.django_db(transaction=True)]

NOTICE = "Your browser keeps nothing for this page: the chat ends when you leave it."
SANDBOXES = ["allow-scripts allow-forms", "allow-scripts"]
# Until the browser refuses to store one letter more.
FILL_STORAGE = """() => {
  for (let length = 4_000_000; length >= 1; length = length / 2)
    try {
      for (let number = 0; ; number++) localStorage.setItem(`page-${length}-${number}`, "x".repeat(length));
    } catch {}
}"""
DENY_COOKIES = {"network.cookie.cookieBehavior": 2}  # all site data, everywhere
DENY_THIRD_PARTIES = {"network.cookie.cookieBehavior": 1}  # site data in frames of other sites


def frame_it(site, sandbox=None):
    """The page has the widget in a frame."""
    site.has_tag = False
    attribute = f' sandbox="{sandbox}"' if sandbox else ""
    site.pages["/chat"] = f"<h1>Chat</h1>{site.tag}"
    site.html = f'<iframe{attribute} src="{site.url}/chat" style="width: 420px; height: 640px; border: 0"></iframe>'


def the_frame(page):
    wait_for(lambda: len(page.frames) == 2, "there is no frame")
    return page.frames[1]


@pytest.mark.parametrize("sandbox", SANDBOXES)
def test_a_conversation_in_a_sandboxed_frame(site, page, sandbox, reply_by_rest):
    frame_it(site, sandbox)
    visit = site.open(page)
    frame = the_frame(page)
    fill_form(frame, "Hello?")
    until(["Hello?"])
    shows(frame, "Hello?")
    frame.get_by_text(NOTICE).wait_for()
    reply_by_rest("We are here.")
    shows(frame, "We are here.")
    write(frame, "Thanks!")
    until(["Hello?", "We are here.", "Thanks!"])
    pick(frame, ("blue.png", "image/png", image()))
    until(["Hello?", "We are here.", "Thanks!", "blue.png"])
    write(frame, "That one.")
    until(["Hello?", "We are here.", "Thanks!", "blue.png", "That one."])
    wait_for(lambda: frame.locator("#praxtalk .message.sending").count() == 0, "something is still being sent")
    assert visit.errors() == []


@pytest.mark.parametrize("sandbox", SANDBOXES)
def test_enter_in_a_field_sends_the_form_in_a_sandboxed_frame(site, page, sandbox):
    frame_it(site, sandbox)
    site.open(page)
    frame = the_frame(page)
    frame.get_by_role("button", name="Open chat").click()
    frame.get_by_label("Name", exact=True).fill("Maya A.")
    frame.locator("textarea[name=message]").fill("By Enter")
    frame.get_by_label("Email", exact=True).fill("maya@example.com")
    frame.get_by_label("Email", exact=True).press("Enter")
    until(["By Enter"])


def test_reset_in_a_sandboxed_frame_forgets_the_thread(site, page):
    frame_it(site, SANDBOXES[0])
    visit = site.open(page)
    frame = the_frame(page)
    fill_form(frame, "Hello?")
    until(["Hello?"])
    shows(frame, "Hello?")
    frame.evaluate("PraxTalk('reset')")
    frame.get_by_role("button", name="Open chat").click()
    frame.get_by_role("button", name="Start the chat").wait_for()
    assert visit.errors() == []


def test_storage_that_is_full_from_some_moment_on_loses_nothing(site, page, reply_by_rest):
    site.open(page)
    fill_form(page, "Hello?")
    until(["Hello?"])
    shows(page, "Hello?")
    page.evaluate(FILL_STORAGE)
    write(page, "Now it is full.")
    until(["Hello?", "Now it is full."])
    shows(page, "Now it is full.")
    page.get_by_text(NOTICE).wait_for()
    reply_by_rest("We are here.")
    shows(page, "We are here.")
    write(page, "And on.")
    until(["Hello?", "Now it is full.", "We are here.", "And on."])


def test_nothing_is_said_about_storage_where_there_is_some(site, page):
    site.open(page)
    fill_form(page, "Hello?")
    until(["Hello?"])
    shows(page, "Hello?")
    assert page.get_by_text(NOTICE).count() == 0


@pytest.mark.parametrize(
    ("preferences", "sandbox"),
    [(DENY_COOKIES, None), (DENY_THIRD_PARTIES, None), ({}, SANDBOXES[0]), ({}, SANDBOXES[1])],
    ids=["all site data denied", "third parties denied", "sandbox", "sandbox without forms"],
)
def test_a_conversation_in_a_firefox_that_denies_storage(site, firefox, reply_by_rest, preferences, sandbox):
    url = site.url
    if preferences is not DENY_COOKIES:
        frame_it(site, sandbox)
        url = site.url.replace("localhost", "127.0.0.1")  # the frame is of another site
    process = firefox(url, "firefox_without_storage.mjs", json.dumps(preferences))
    assert process.stdout.readline() == "written\n"
    until(["Do you ship to Addis Ababa?"])
    reply_by_rest("We do: about six days.")
    assert process.stdout.readline() == f"{NOTICE}\n"
    wait_for(lambda: Message.objects.count() == 3, "a message is missing")
    assert process.wait(30) == 0
