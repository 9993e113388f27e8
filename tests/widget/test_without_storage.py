"""Without storage or locks the widget works while the page is open, and tells the visitor."""

import json

import pytest

from conversations.models import Message
from tests.live.driver import wait_for
from tests.tiers import slow
from tests.widget.test_attachments import image
from tests.widget.test_conversation import expect_message, fill_form, reply_by_rest, wait_until_stored, write_message
from tests.widget.test_files_in_a_browser import pick_files
from tests.widget.test_firefox import firefox

__all__ = ["firefox", "reply_by_rest"]

pytestmark = [pytest.mark.browser, pytest.mark.live, pytest.mark.django_db(transaction=True)]

NOTICE = "Your browser does not store data for this page. The chat ends when you leave it."
SANDBOXES = ["allow-scripts allow-forms", "allow-scripts"]
# Fills the storage until not even one more character fits.
FILL_STORAGE = """() => {
  for (let length = 4_000_000; length >= 1; length = length / 2)
    try {
      for (let number = 0; ; number++) localStorage.setItem(`page-${length}-${number}`, "x".repeat(length));
    } catch {}
}"""
DENY_COOKIES = {"network.cookie.cookieBehavior": 2}  # denies all site data
DENY_THIRD_PARTIES = {"network.cookie.cookieBehavior": 1}  # denies site data in frames of other sites


def put_widget_in_a_frame(site, sandbox=None):
    """Put the widget into a frame of the page."""
    site.has_tag = False
    attribute = f' sandbox="{sandbox}"' if sandbox else ""
    site.pages["/chat"] = f"<h1>Chat</h1>{site.tag}"
    site.html = f'<iframe{attribute} src="{site.url}/chat" style="width: 420px; height: 640px; border: 0"></iframe>'


def widget_frame(page):
    wait_for(lambda: len(page.frames) == 2, "there is no frame")
    return page.frames[1]


@pytest.mark.parametrize("sandbox", [*slow(SANDBOXES[0]), SANDBOXES[1]])
def test_conversation_works_in_a_sandboxed_frame(site, page, sandbox, reply_by_rest):
    put_widget_in_a_frame(site, sandbox)
    recorder = site.open(page)
    frame = widget_frame(page)
    fill_form(frame, "Hello?")
    wait_until_stored(["Hello?"])
    expect_message(frame, "Hello?")
    frame.get_by_text(NOTICE).wait_for()
    reply_by_rest("We are here.")
    expect_message(frame, "We are here.")
    write_message(frame, "Thanks!")
    wait_until_stored(["Hello?", "We are here.", "Thanks!"])
    pick_files(frame, ("blue.png", "image/png", image()))
    wait_until_stored(["Hello?", "We are here.", "Thanks!", "blue.png"])
    write_message(frame, "That one.")
    wait_until_stored(["Hello?", "We are here.", "Thanks!", "blue.png", "That one."])
    wait_for(lambda: frame.locator("#praxtalk .message.sending").count() == 0, "something is still being sent")
    assert recorder.errors() == []


@pytest.mark.parametrize("sandbox", [*slow(SANDBOXES[0]), SANDBOXES[1]])
def test_enter_submits_the_form_in_a_sandboxed_frame(site, page, sandbox):
    put_widget_in_a_frame(site, sandbox)
    site.open(page)
    frame = widget_frame(page)
    frame.get_by_role("button", name="Open chat").click()
    frame.get_by_label("Name", exact=True).fill("Maya A.")
    frame.locator("textarea[name=message]").fill("By Enter")
    frame.get_by_label("Email", exact=True).fill("maya@example.com")
    frame.get_by_label("Email", exact=True).press("Enter")
    wait_until_stored(["By Enter"])


def test_reset_in_a_sandboxed_frame_removes_the_thread(site, page):
    put_widget_in_a_frame(site, SANDBOXES[0])
    recorder = site.open(page)
    frame = widget_frame(page)
    fill_form(frame, "Hello?")
    wait_until_stored(["Hello?"])
    expect_message(frame, "Hello?")
    frame.evaluate("PraxTalk('reset')")
    frame.get_by_role("button", name="Open chat").click()
    frame.get_by_role("button", name="Start the chat").wait_for()
    assert recorder.errors() == []


def test_no_message_is_lost_when_the_storage_becomes_full(site, page, reply_by_rest):
    site.open(page)
    fill_form(page, "Hello?")
    wait_until_stored(["Hello?"])
    expect_message(page, "Hello?")
    page.evaluate(FILL_STORAGE)
    write_message(page, "Now it is full.")
    wait_until_stored(["Hello?", "Now it is full."])
    expect_message(page, "Now it is full.")
    page.get_by_text(NOTICE).wait_for()
    reply_by_rest("We are here.")
    expect_message(page, "We are here.")
    write_message(page, "And on.")
    wait_until_stored(["Hello?", "Now it is full.", "We are here.", "And on."])


def test_no_storage_notice_is_shown_where_storage_works(site, page):
    site.open(page)
    fill_form(page, "Hello?")
    wait_until_stored(["Hello?"])
    expect_message(page, "Hello?")
    assert page.get_by_text(NOTICE).count() == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("preferences", "sandbox"),
    [(DENY_COOKIES, None), (DENY_THIRD_PARTIES, None), ({}, SANDBOXES[0]), ({}, SANDBOXES[1])],
    ids=["all site data denied", "third parties denied", "sandbox", "sandbox without forms"],
)
def test_conversation_works_in_a_firefox_that_denies_storage(site, firefox, reply_by_rest, preferences, sandbox):
    url = site.url
    if preferences is not DENY_COOKIES:
        put_widget_in_a_frame(site, sandbox)
        url = site.url.replace("localhost", "127.0.0.1")  # so that the frame belongs to another site
    process = firefox(url, "firefox_without_storage.mjs", json.dumps(preferences))
    assert process.stdout.readline() == "written\n"
    wait_until_stored(["Do you ship to Addis Ababa?"])
    reply_by_rest("We do: about six days.")
    assert process.stdout.readline() == f"{NOTICE}\n"
    wait_for(lambda: Message.objects.count() == 3, "a message is missing")
    assert process.wait(30) == 0
