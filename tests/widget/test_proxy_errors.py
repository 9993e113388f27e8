"""Browser tests: messages rejected by a proxy or firewall, or lost in the network, do not block later ones."""

import contextlib
import io

import pytest
from PIL import Image
from playwright.sync_api import TimeoutError

from conversations.models import Attachment, Message
from tests.live.driver import wait_for
from tests.nginx import LONG_BODY, nginx_in_front
from tests.widget.test_conversation import expect_message, fill_form, stored_bodies, wait_until_stored, write_message
from tests.widget.test_files_in_a_browser import COUNT_CACHED_FILES, pick_files

__all__ = ["nginx_in_front"]

pytestmark = [pytest.mark.browser, pytest.mark.live, pytest.mark.django_db(transaction=True), pytest.mark.slow]

LONG_TEXT = "Please read all of this. " * 45
TEN_TRIES_MS = 200_000  # until the tenth try: 1 + 2 + 4 + 8 + 16 + 4 x 30 s, plus time for the requests


@pytest.fixture
def nginx(site, nginx_in_front):
    """Run nginx between the browser and the server."""
    started = nginx_in_front(int(site.host.rsplit(":", 1)[1]))
    site.host = started.url
    return started


def failed_message(page, text):
    """Return the locator of a message marked as failed."""
    return page.locator("#praxtalk .message.failed").filter(has_text=text)


def try_again_until(page, bodies_are):
    """Press "Try again" until the messages are stored. It may take several clicks: old connections still follow the
    old nginx rules."""
    button = page.locator("#praxtalk .message.failed").get_by_role("button", name="Try again")

    def is_sent():
        if stored_bodies() == bodies_are:
            return True
        with contextlib.suppress(TimeoutError):
            button.click(timeout=500)
        return False

    wait_for(is_sent, f"not {bodies_are}")


def photo():
    """Return a photo of more than 1 MB."""
    content = io.BytesIO()
    Image.effect_noise((1500, 1200), 90).save(content, "JPEG", quality=95)
    assert 1_200_000 < content.tell() < 8_000_000
    return ("photo.jpg", "image/jpeg", content.getvalue())


def start_conversation(site, page):
    site.open(page)
    fill_form(page, "Hello?")
    wait_until_stored(["Hello?"])
    expect_message(page, "Hello?")


def pass_time(page, milliseconds):
    """Advance the page's clock in steps, so that responses can arrive in between."""
    for _ in range(milliseconds // 4000):
        page.clock.run_for(4000)
        page.wait_for_timeout(60)


@pytest.mark.parametrize("status", [400, 403, 404, 413])
def test_4xx_marks_the_message_as_failed_whatever_the_body(site, page, nginx, status):
    start_conversation(site, page)
    nginx.respond_with(status, when=LONG_BODY, readable=True)
    write_message(page, LONG_TEXT)
    write_message(page, "And this.")
    failed_message(page, "Please read all of this.").get_by_role("button", name="Try again").wait_for()
    wait_until_stored(["Hello?", "And this."])
    page.reload()
    failed_message(page, "Please read all of this.").get_by_role("button", name="Try again").wait_for()
    nginx.forward_all()
    try_again_until(page, ["Hello?", "And this.", LONG_TEXT.strip()])
    wait_for(lambda: page.locator("#praxtalk .message.failed").count() == 0, "it is still shown as not sent")


def test_rejected_message_can_be_removed(site, page, nginx):
    start_conversation(site, page)
    nginx.respond_with(413, when=LONG_BODY, readable=True)
    write_message(page, LONG_TEXT)
    failed_message(page, "Please read all of this.").get_by_role("button", name="Remove").click()
    wait_for(lambda: page.get_by_text("Please read all of this.").count() == 0, "it is still there")
    page.reload()
    expect_message(page, "Hello?")
    assert page.get_by_text("Please read all of this.").count() == 0
    assert stored_bodies() == ["Hello?"]


@pytest.mark.parametrize("status", [401, 403])
def test_401_or_403_of_a_proxy_does_not_end_the_thread(site, page, nginx, status):
    """For example a proxy that asks for a password, or a firewall's page: the visitor's token stays valid."""
    start_conversation(site, page)
    nginx.respond_with(status, readable=True)
    write_message(page, "Are you there?")
    failed_message(page, "Are you there?").get_by_role("button", name="Try again").wait_for()
    nginx.forward_all()
    try_again_until(page, ["Hello?", "Are you there?"])
    assert Message.objects.values("conversation__visitor").distinct().count() == 1


def test_photo_rejected_by_a_proxy_does_not_block_later_messages(site, page, nginx):
    """nginx's own 413 has no CORS header, so the page sees it as a network error."""
    page.clock.install()
    start_conversation(site, page)
    page.get_by_role("button", name="Attach a file").wait_for()
    nginx.limit_bodies("1m")
    pick_files(page, photo())
    page.locator("#praxtalk .file canvas").wait_for()
    write_message(page, "That is the crack.")
    wait_until_stored(["Hello?", "That is the crack."])
    pass_time(page, TEN_TRIES_MS)
    failed_message(page, "").get_by_role("button", name="Try again").wait_for()
    page.reload()
    page.locator("#praxtalk .message.failed").get_by_role("button", name="Try again").wait_for()
    write_message(page, "Did you see it?")
    wait_until_stored(["Hello?", "That is the crack.", "Did you see it?"])
    nginx.forward_all()
    try_again_until(page, ["Hello?", "That is the crack.", "Did you see it?", "photo.jpg"])
    assert Attachment.objects.count() == 1


def test_failed_photo_can_be_removed(site, page, nginx):
    start_conversation(site, page)
    page.get_by_role("button", name="Attach a file").wait_for()
    nginx.respond_with(413, when=LONG_BODY, readable=True)
    pick_files(page, photo())
    page.locator("#praxtalk .message.failed").get_by_role("button", name="Remove").click()
    wait_for(lambda: page.locator("#praxtalk .message.failed").count() == 0, "it is still there")
    wait_for(lambda: page.evaluate(COUNT_CACHED_FILES) == 0, "the file is still kept")


@pytest.mark.parametrize(("status", "readable"), [(500, True), (503, True), (502, False)])
def test_message_is_marked_as_failed_after_ten_server_errors(site, page, nginx, status, readable):
    page.clock.install()
    start_conversation(site, page)
    nginx.respond_with(status, when=LONG_BODY, readable=readable)
    write_message(page, LONG_TEXT)
    write_message(page, "And this.")
    page.wait_for_timeout(300)
    assert stored_bodies() == ["Hello?"]  # later messages wait as long as the first may still be sent
    pass_time(page, TEN_TRIES_MS)
    failed_message(page, "Please read all of this.").get_by_role("button", name="Remove").wait_for()
    wait_until_stored(["Hello?", "And this."])


def test_failed_message_is_sent_automatically_after_an_outage(site, page, nginx):
    page.clock.install()
    start_conversation(site, page)
    nginx.stop()
    write_message(page, "Into the void")
    pass_time(page, TEN_TRIES_MS)
    failed_message(page, "Into the void").get_by_role("button", name="Try again").wait_for()
    nginx.start()
    pass_time(page, 60_000)
    wait_until_stored(["Hello?", "Into the void"])
