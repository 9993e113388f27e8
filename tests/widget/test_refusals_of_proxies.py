"""What a proxy or firewall refuses, or a dead network swallows, does not hold up what the visitor writes after it."""

import contextlib
import io

import pytest
from PIL import Image
from playwright.sync_api import TimeoutError

from conversations.models import Attachment, Message
from tests.live.driver import wait_for
from tests.nginx import LONG_BODY, nginx_in_front
from tests.widget.test_conversation import bodies, fill_form, shows, until, write
from tests.widget.test_files_in_a_browser import KEPT, pick

__all__ = ["nginx_in_front"]

pytestmark = [pytest.mark.browser, pytest.mark.live, pytest.mark.django_db(transaction=True)]

LONG_TEXT = "Please read all of this. " * 45
TEN_TRIES = 200_000  # milliseconds until the tenth: 1 + 2 + 4 + 8 + 16 + 4 x 30 s, and some time for the requests


@pytest.fixture
def nginx(site, nginx_in_front):
    """Between the browser and the server."""
    started = nginx_in_front(int(site.host.rsplit(":", 1)[1]))
    site.host = started.url
    return started


def failed(page, text):
    """The message that could not be sent."""
    return page.locator("#praxtalk .message.failed").filter(has_text=text)


def try_again_until(page, bodies_are):
    """By the button, and once more where a connection of before the change was refused again."""
    button = page.locator("#praxtalk .message.failed").get_by_role("button", name="Try again")

    def is_sent():
        if bodies() == bodies_are:
            return True
        with contextlib.suppress(TimeoutError):
            button.click(timeout=500)
        return False

    wait_for(is_sent, f"not {bodies_are}")


def photo():
    """A photo of more than 1 MB."""
    content = io.BytesIO()
    Image.effect_noise((1500, 1200), 90).save(content, "JPEG", quality=95)
    assert 1_200_000 < content.tell() < 8_000_000
    return ("photo.jpg", "image/jpeg", content.getvalue())


def begin(site, page):
    site.open(page)
    fill_form(page, "Hello?")
    until(["Hello?"])
    shows(page, "Hello?")


def pass_time(page, milliseconds):
    """The page's clock goes on in steps: what it waits for may be answered in between."""
    for _ in range(milliseconds // 4000):
        page.clock.run_for(4000)
        page.wait_for_timeout(60)


@pytest.mark.parametrize("status", [400, 403, 404, 413])
def test_a_4xx_is_a_refusal_whatever_its_body(site, page, nginx, status):
    begin(site, page)
    nginx.refuse(status, when=LONG_BODY, readable=True)
    write(page, LONG_TEXT)
    write(page, "And this.")
    failed(page, "Please read all of this.").get_by_role("button", name="Try again").wait_for()
    until(["Hello?", "And this."])
    page.reload()
    failed(page, "Please read all of this.").get_by_role("button", name="Try again").wait_for()
    nginx.let_through()
    try_again_until(page, ["Hello?", "And this.", LONG_TEXT.strip()])
    wait_for(lambda: page.locator("#praxtalk .message.failed").count() == 0, "it is still shown as not sent")


def test_what_was_refused_can_be_removed(site, page, nginx):
    begin(site, page)
    nginx.refuse(413, when=LONG_BODY, readable=True)
    write(page, LONG_TEXT)
    failed(page, "Please read all of this.").get_by_role("button", name="Remove").click()
    wait_for(lambda: page.get_by_text("Please read all of this.").count() == 0, "it is still there")
    page.reload()
    shows(page, "Hello?")
    assert page.get_by_text("Please read all of this.").count() == 0
    assert bodies() == ["Hello?"]


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_that_is_not_ours_does_not_end_the_thread(site, page, nginx, status):
    """A proxy that asks for a password, a firewall's page: the visitor is still who they are."""
    begin(site, page)
    nginx.refuse(status, readable=True)
    write(page, "Are you there?")
    failed(page, "Are you there?").get_by_role("button", name="Try again").wait_for()
    nginx.let_through()
    try_again_until(page, ["Hello?", "Are you there?"])
    assert Message.objects.values("conversation__visitor").distinct().count() == 1


def test_a_photo_that_a_proxy_never_lets_through_holds_up_nothing(site, page, nginx):
    """nginx's own 413 has no header for other origins: to the page it is a dead network."""
    page.clock.install()
    begin(site, page)
    page.get_by_role("button", name="Attach a file").wait_for()
    nginx.limit_bodies("1m")
    pick(page, photo())
    page.locator("#praxtalk .file canvas").wait_for()
    write(page, "That is the crack.")
    until(["Hello?", "That is the crack."])
    pass_time(page, TEN_TRIES)
    failed(page, "").get_by_role("button", name="Try again").wait_for()
    page.reload()
    page.locator("#praxtalk .message.failed").get_by_role("button", name="Try again").wait_for()
    write(page, "Did you see it?")
    until(["Hello?", "That is the crack.", "Did you see it?"])
    nginx.let_through()
    try_again_until(page, ["Hello?", "That is the crack.", "Did you see it?", "photo.jpg"])
    assert Attachment.objects.count() == 1


def test_a_photo_that_was_set_aside_can_be_removed(site, page, nginx):
    begin(site, page)
    page.get_by_role("button", name="Attach a file").wait_for()
    nginx.refuse(413, when=LONG_BODY, readable=True)
    pick(page, photo())
    page.locator("#praxtalk .message.failed").get_by_role("button", name="Remove").click()
    wait_for(lambda: page.locator("#praxtalk .message.failed").count() == 0, "it is still there")
    wait_for(lambda: page.evaluate(KEPT) == 0, "the file is still kept")


@pytest.mark.parametrize(("status", "readable"), [(500, True), (503, True), (502, False)])
def test_a_fault_of_the_server_is_set_aside_after_ten_tries(site, page, nginx, status, readable):
    page.clock.install()
    begin(site, page)
    nginx.refuse(status, when=LONG_BODY, readable=readable)
    write(page, LONG_TEXT)
    write(page, "And this.")
    page.wait_for_timeout(300)
    assert bodies() == ["Hello?"]  # in order, as long as the first may get through
    pass_time(page, TEN_TRIES)
    failed(page, "Please read all of this.").get_by_role("button", name="Remove").wait_for()
    until(["Hello?", "And this."])


def test_an_outage_ends_and_what_was_set_aside_is_sent_by_itself(site, page, nginx):
    page.clock.install()
    begin(site, page)
    nginx.stop()
    write(page, "Into the void")
    pass_time(page, TEN_TRIES)
    failed(page, "Into the void").get_by_role("button", name="Try again").wait_for()
    nginx.start()
    pass_time(page, 60_000)
    until(["Hello?", "Into the void"])
