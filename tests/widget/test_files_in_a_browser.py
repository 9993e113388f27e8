"""Browser tests of files: chosen, pasted or dropped; shown to both sides; kept until they are sent."""

import base64

import pytest

from conversations.models import Attachment, Message
from tests.live.driver import wait_for
from tests.tiers import slow
from tests.widget.conftest import STRICT, TRUSTED_TYPES
from tests.widget.test_attachments import PDF, image
from tests.widget.test_conversation import (
    expect_message,
    fill_form,
    reply_by_rest,
    stored_bodies,
    wait_until_stored,
    write_message,
)

__all__ = ["reply_by_rest"]

pytestmark = [pytest.mark.browser, pytest.mark.live, pytest.mark.django_db(transaction=True)]

BLUE = [37, 99, 235, 255]
PIXEL = """(root) => {
  const canvas = root.querySelector(".file canvas");
  return canvas && [...canvas.getContext("2d").getImageData(5, 5, 1, 1).data];
}"""
AT_END = """(host) => {
  const scroller = host.shadowRoot.querySelector(".scroller");
  return scroller.scrollHeight > scroller.clientHeight + 300
    && scroller.scrollTop + scroller.clientHeight > scroller.scrollHeight - 5;
}"""
DISPATCH_TRANSFER = """(box, [type, files]) => {
  const data = new DataTransfer();
  for (const [name, kind, text] of files)
    data.items.add(new File([Uint8Array.from(atob(text), (one) => one.charCodeAt(0))], name, { type: kind }));
  const event = type === "paste"
    ? new ClipboardEvent(type, { clipboardData: data, bubbles: true, cancelable: true })
    : new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true });
  box.dispatchEvent(event);
}"""


COUNT_CACHED_FILES = """async () => {
  const cache = await caches.open("praxtalk");
  return (await cache.keys()).length;
}"""


def pick_files(page, *files):
    page.get_by_role("button", name="Attach a file").wait_for()
    page.locator("input[type=file]").set_input_files(
        [{"name": name, "mimeType": kind, "buffer": content} for name, kind, content in files]
    )


def transfer_file(box, type, name, kind, content):
    box.evaluate(DISPATCH_TRANSFER, [type, [[name, kind, base64.b64encode(content).decode()]]])


def first_image_pixel(page):
    return page.locator("#praxtalk").evaluate(f"(host) => ({PIXEL})(host.shadowRoot)")


@pytest.mark.parametrize("csp", [*slow(STRICT), f"{STRICT}; {TRUSTED_TYPES}"], ids=["strict", "trusted types"])
def test_image_and_pdf_are_sent_and_shown_under_a_strict_policy(site, page, csp):
    recorder = site.open(page, csp=csp)
    fill_form(page, "Look at this.")
    pick_files(page, ("blue.png", "image/png", image(size=(400, 300))))
    wait_until_stored(["Look at this.", "blue.png"])
    wait_for(lambda: first_image_pixel(page) == BLUE, "the image is not drawn")
    pick_files(page, ("invoice.pdf", "application/pdf", PDF))
    wait_until_stored(["Look at this.", "blue.png", "invoice.pdf"])
    page.reload()
    wait_for(lambda: first_image_pixel(page) == BLUE, "the image is not drawn after a reload")
    with page.expect_download() as download:
        page.get_by_role("button", name="invoice.pdf").click()
    assert download.value.suggested_filename == "invoice.pdf"
    assert download.value.path().read_bytes() == PDF
    assert recorder.reports() == recorder.errors() == []


def test_pasted_and_dropped_files_are_sent(site, page):
    site.open(page)
    fill_form(page, "Hello")
    page.get_by_role("button", name="Attach a file").wait_for()
    transfer_file(page.get_by_placeholder("Write a message …"), "paste", "pasted.png", "image/png", image())
    wait_until_stored(["Hello", "pasted.png"])
    transfer_file(page.get_by_role("log"), "drop", "dropped.pdf", "application/pdf", PDF)
    wait_until_stored(["Hello", "pasted.png", "dropped.pdf"])


def test_newest_message_stays_in_view_after_images_load(site, page, reply_by_rest):
    site.open(page)
    fill_form(page, "Hello")
    wait_until_stored(["Hello"])
    for number in range(1, 4):
        pick_files(page, (f"{number}.png", "image/png", image(size=(300, 400))))
        wait_until_stored(["Hello", *(f"{one}.png" for one in range(1, number + 1))])
    reply_by_rest("Thank you.")
    expect_message(page, "Thank you.")
    wait_for(lambda: page.locator("#praxtalk").evaluate(AT_END), "the end is not in view")
    assert page.get_by_text("New message").is_hidden()


def test_rejected_file_is_reported_at_once(site, page, tmp_path):
    site.open(page)
    fill_form(page, "Hello")
    pick_files(page, ("page.html", "text/html", b"<p>"))
    page.get_by_text("Only images and PDF files can be sent.").wait_for()
    (tmp_path / "large.pdf").write_bytes(PDF + b" " * 10 * 2**20)
    page.locator("input[type=file]").set_input_files(tmp_path / "large.pdf")
    page.get_by_text("A file can be 10 MB at most.").wait_for()
    pick_files(page, ("false.png", "image/png", b"no image"))
    page.get_by_text("Not sent").wait_for()
    write_message(page, "It goes on")
    wait_until_stored(["Hello", "It goes on"])
    assert not Attachment.objects.exists()


def test_unsent_file_and_later_message_survive_a_reload(site, page):
    site.open(page)
    fill_form(page, "Hello")
    wait_until_stored(["Hello"])
    page.get_by_role("button", name="Attach a file").wait_for()
    page.route("**/widget/v1/messages", lambda route: route.abort())
    pick_files(page, ("blue.png", "image/png", image(size=(400, 300))))
    wait_for(lambda: first_image_pixel(page) == BLUE, "it is not shown before it is sent")
    write_message(page, "That one.")
    page.reload()
    expect_message(page, "That one.")
    page.unroute("**/widget/v1/messages")
    # A failed file does not block the next message, so either may arrive first.
    wait_for(lambda: sorted(stored_bodies()) == ["Hello", "That one.", "blue.png"], "one of them is lost")
    assert Attachment.objects.count() == 1
    wait_for(lambda: not page.evaluate(COUNT_CACHED_FILES), "it is kept after it was sent")


def test_reset_deletes_unsent_files(site, page):
    site.open(page)
    fill_form(page, "Hello")
    wait_until_stored(["Hello"])
    page.get_by_role("button", name="Attach a file").wait_for()
    page.route("**/widget/v1/messages", lambda route: route.abort())
    pick_files(page, ("blue.png", "image/png", image(size=(400, 300))))
    wait_for(lambda: page.evaluate(COUNT_CACHED_FILES) == 1, "it is not kept")
    page.evaluate("PraxTalk('reset')")
    wait_for(lambda: page.evaluate(COUNT_CACHED_FILES) == 0, "it is still there")
    assert Message.objects.count() == 1
