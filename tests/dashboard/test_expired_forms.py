"""Forms with a CSRF token that is no longer valid: no page of Django, and a way on."""

import re

import pytest
from django.test import Client

from accounts import emails
from accounts.actions import team
from accounts.models import Operator
from tests.dashboard.test_password_links import link_in
from tests.dashboard.test_sign_in import ALICE, is_signed_in, with_two_factor

pytestmark = pytest.mark.django_db
EXPIRED = "This form had expired. Please try again."


@pytest.fixture
def browser():
    return Client(enforce_csrf_checks=True)


def token_in(response):
    return re.search(r'csrfmiddlewaretoken" value="(\w+)"', response.content.decode())[1]


def open_form(browser, path="/app/login/"):
    """Return the hidden field of a form that a tab has opened."""
    return {"csrfmiddlewaretoken": token_in(browser.get(path))}


def test_the_second_of_two_tabs_at_the_sign_in_leads_to_the_page_that_was_asked_for(browser, tenants):
    first, second = open_form(browser), open_form(browser, "/app/login/?next=/app/leads/")
    assert browser.post("/app/login/", ALICE | first).status_code == 302
    for target, expected in (("/app/leads/", "/app/leads/"), ("", "/app/home/"), ("//evil.example", "/app/home/")):
        response = browser.post("/app/login/", ALICE | second | {"next": target})
        assert (response.status_code, response["Location"]) == (302, expected)
    assert is_signed_in(browser)


def test_an_expired_sign_in_form_is_shown_again_with_a_sentence(browser, tenants):
    stale = open_form(browser)
    browser.cookies.clear()
    open_form(browser)
    response = browser.post("/app/login/", ALICE | stale | {"next": "/app/leads/"})
    page = response.content.decode()
    assert response.status_code == 403
    assert EXPIRED in page
    assert 'value="alice@acme.example"' in page
    assert 'name="next" value="/app/leads/"' in page
    assert "DEBUG" not in page
    again = {"csrfmiddlewaretoken": token_in(response), "next": "/app/leads/"}
    assert browser.post("/app/login/", ALICE | again)["Location"] == "/app/leads/"


def test_without_cookies_the_form_says_so(browser, tenants):
    page = browser.post("/app/login/", ALICE).content.decode()
    assert "Allow cookies for this site" in page
    assert not is_signed_in(browser)


def test_the_second_factor_and_links_to_passwords_show_their_form_again(browser, tenants, mailoutbox):
    with_two_factor(tenants.alice)
    browser.post("/app/login/", ALICE | open_form(browser))
    team.invite(tenants.alice, email="carol@acme.example", name="Carol", role="operator")
    emails.send_due()
    join = browser.get("/app/" + link_in(mailoutbox[0]))["Location"]
    for path in ("/app/login/code/", "/app/forgotten/", join):
        response = browser.post(path, {"csrfmiddlewaretoken": "x" * 64})
        assert (response.status_code, EXPIRED in response.content.decode()) == (403, True), path
        assert token_in(response)
    assert Operator.objects.get(email="carol@acme.example").invited_at


@pytest.mark.parametrize(
    "path", ["/app/profile/", "/app/leads/add/", "/app/logout/", "/app/settings/", "/app/brands/add/"]
)
def test_an_expired_form_of_the_dashboard_says_what_to_do(browser, tenants, path):
    browser.force_login(tenants.alice)
    browser.get("/app/profile/")
    form = {"name": "Changed", "csrfmiddlewaretoken": "x" * 64}
    response = browser.post(path, form, headers={"Referer": "http://testserver/app/leads/?q=maya"})
    page = response.content.decode()
    assert (response.status_code, response["X-Error-Code"]) == (403, "csrf_failed")
    assert "Nothing has been saved." in page
    assert 'href="/app/leads/?q=maya"' in page
    assert 'id="nav"' in page  # in the frame of the dashboard
    assert "CSRF" not in page
    assert "default-src 'none'" in response["Content-Security-Policy"]
    assert "Changed" not in page
    tenants.alice.refresh_from_db()
    assert tenants.alice.name == "Alice"
    assert is_signed_in(browser)


@pytest.mark.parametrize("referrer", ["", "https://evil.example/", "http://testserver//evil.example/", "nonsense"])
def test_the_page_of_an_expired_form_leads_nowhere_else(browser, tenants, referrer):
    browser.force_login(tenants.alice)
    page = browser.post("/app/profile/", {"name": "x"}, headers={"Referer": referrer}).content.decode()
    assert 'href="//' not in page
    assert "https://evil.example" not in page


def test_whoever_has_signed_out_is_asked_to_sign_in(browser, tenants):
    page = browser.post("/app/profile/", {"name": "x"}).content.decode()
    assert 'href="/app/login/?next=/app/"' in page
    assert 'id="nav"' not in page


def test_a_form_from_another_address_names_the_right_one(browser, tenants, settings):
    settings.BASE_URL = "https://chat.example"
    browser.force_login(tenants.alice)
    response = browser.post("/app/profile/", {"name": "x"}, headers={"Origin": "https://other.example"})
    assert response.status_code == 403
    assert 'href="https://chat.example/app/"' in response.content.decode()


def test_scripts_get_json(browser, tenants):
    browser.force_login(tenants.alice)
    response = browser.post("/app/inbox/token/", headers={"Accept": "application/json"})
    assert (response.status_code, response["X-Error-Code"]) == (403, "csrf_failed")
    assert response.json() == {
        "error": "Your browser has not sent this site's cookie. Allow cookies for this site, and try again."
    }
    browser.get("/app/profile/")
    response = browser.post("/app/inbox/token/", headers={"Accept": "application/json", "X-CSRFToken": "x" * 64})
    assert response.json() == {"error": EXPIRED}
