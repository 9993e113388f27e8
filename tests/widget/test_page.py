"""A customer's page with the tag, in a real Chromium: the widget is there, and the page's policy has nothing to report."""

import pytest

from tests.widget.conftest import STRICT, STYLED, TRUSTED_TYPES

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
    cached_page.go_back(wait_until="commit")
    assert cached_page.title() == "as it was"
    assert visit.errors() == []
