"""A customer's page with the tag, in a real Chromium: the widget is there, and the page's policy has nothing to report."""

import pytest

from tests.conftest import go_back_to_kept
from tests.widget.conftest import STRICT, STYLED, TRUSTED_TYPES
from tests.widget.test_conversation import fill_form, shows

COUNT_LOCKS = """
window.locks = 0;
const ask = LockManager.prototype.request;
LockManager.prototype.request = function (...all) { locks++; return ask.apply(this, all) };
"""

pytestmark = [pytest.mark.browser, pytest.mark.live, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize("csp", [None, STRICT, f"{STRICT}; {TRUSTED_TYPES}"], ids=["none", "strict", "trusted types"])
def test_the_tag_under_a_policy(site, page, csp):
    visit = site.open(page, csp=csp)
    assert visit.until("typeof PraxTalk === 'function'")
    assert visit.requests[:2] == [f"{site.url}/", f"{site.host}/widget.js"]
    assert all(url.startswith((site.url, site.host)) for url in visit.requests)
    assert visit.reports() == visit.errors() == []


def test_what_a_policy_forbids_is_reported(site, page):
    """The twin of the test above: the harness would have seen it."""
    site.html = "<p style='color: red'>Inline</p><script>1</script>"
    visit = site.open(page, csp=STRICT)
    assert {report["directive"] for report in visit.reports()} == {"style-src-attr", "script-src-elem"}
    assert visit.errors()


def test_a_page_of_its_own_style_on_every_path(site, page):
    site.css = "h1 { color: rgb(1, 2, 3) !important }"
    site.pages["/terms"] = "<h1>Terms</h1><a href='/'>Shop</a><script nonce='{nonce}'>document.title += '!'</script>"
    visit = site.open(page, csp=STRICT + STYLED, path="/terms")
    assert page.title() == "/terms!"
    assert page.locator("h1").evaluate("(heading) => getComputedStyle(heading).color") == "rgb(1, 2, 3)"
    page.get_by_role("link", name="Shop").click()
    page.get_by_role("heading", name="Shop").wait_for()
    assert visit.until("typeof PraxTalk === 'function'")
    assert visit.reports() == visit.errors() == []


def test_back_and_forward_find_the_page_as_it_was(site, cached_page):
    visit = site.open(cached_page)
    visit.until("typeof PraxTalk === 'function'")
    cached_page.evaluate("document.title = 'as it was'")
    cached_page.goto(f"{site.url}/terms")
    go_back_to_kept(cached_page)
    assert cached_page.title() == "as it was"
    assert visit.errors() == []


def test_no_lock_is_asked_for_while_nothing_is_to_be_sent(site, page):
    """A page that asks just as it is left would be thrown out of the cache for back and forward."""
    page.add_init_script(COUNT_LOCKS)
    site.open(page)
    page.get_by_role("button", name="Open chat").wait_for()
    page.evaluate("dispatchEvent(new Event('online'))")  # which wakes whatever waits
    assert page.evaluate("locks") == 0
    fill_form(page, "Hello?")
    shows(page, "Hello?")
    assert page.evaluate("locks") > 0
