"""Browser tests of a customer's page with the script tag: the widget appears without policy violations."""

import pytest

from tests.conftest import go_back_to_cached_page
from tests.widget.conftest import STRICT, STYLED, TRUSTED_TYPES
from tests.widget.test_conversation import expect_message, fill_form

COUNT_LOCKS = """
window.locks = 0;
const ask = LockManager.prototype.request;
LockManager.prototype.request = function (...all) { locks++; return ask.apply(this, all) };
"""

pytestmark = [pytest.mark.browser, pytest.mark.live, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize("csp", [None, STRICT, f"{STRICT}; {TRUSTED_TYPES}"], ids=["none", "strict", "trusted types"])
def test_script_tag_works_under_a_strict_policy(site, page, csp):
    recorder = site.open(page, csp=csp)
    assert recorder.until("typeof PraxTalk === 'function'")
    assert recorder.requests[:2] == [f"{site.url}/", f"{site.host}/widget.js"]
    assert all(url.startswith((site.url, site.host)) for url in recorder.requests)
    assert recorder.reports() == recorder.errors() == []


def test_policy_violations_are_reported(site, page):
    """Proves that the test above would detect violations."""
    site.html = "<p style='color: red'>Inline</p><script>1</script>"
    recorder = site.open(page, csp=STRICT)
    assert {report["directive"] for report in recorder.reports()} == {"style-src-attr", "script-src-elem"}
    assert recorder.errors()


def test_page_keeps_its_own_styles_on_every_path(site, page):
    site.css = "h1 { color: rgb(1, 2, 3) !important }"
    site.pages["/terms"] = "<h1>Terms</h1><a href='/'>Shop</a><script nonce='{nonce}'>document.title += '!'</script>"
    recorder = site.open(page, csp=STRICT + STYLED, path="/terms")
    assert page.title() == "/terms!"
    assert page.locator("h1").evaluate("(heading) => getComputedStyle(heading).color") == "rgb(1, 2, 3)"
    page.get_by_role("link", name="Shop").click()
    page.get_by_role("heading", name="Shop").wait_for()
    assert recorder.until("typeof PraxTalk === 'function'")
    assert recorder.reports() == recorder.errors() == []


def test_page_stays_in_the_back_forward_cache(site, cached_page):
    recorder = site.open(cached_page)
    recorder.until("typeof PraxTalk === 'function'")
    cached_page.evaluate("document.title = 'as it was'")
    cached_page.goto(f"{site.url}/terms")
    go_back_to_cached_page(cached_page)
    assert cached_page.title() == "as it was"
    assert recorder.errors() == []


def test_no_lock_is_requested_while_there_is_nothing_to_send(site, page):
    """A page that requests a lock while it is left would be evicted from the back/forward cache."""
    page.add_init_script(COUNT_LOCKS)
    site.open(page)
    page.get_by_role("button", name="Open chat").wait_for()
    page.evaluate("dispatchEvent(new Event('online'))")  # wakes everything that waits for the network
    assert page.evaluate("locks") == 0
    fill_form(page, "Hello?")
    expect_message(page, "Hello?")
    assert page.evaluate("locks") > 0
