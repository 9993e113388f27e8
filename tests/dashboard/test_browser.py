"""In a real Chromium, sign-in and the API reference work under their Content-Security-Policy, without external requests."""

import pytest

from integrations.actions.api_keys import create_key
from tests.conftest import make_conversation

pytestmark = [
    pytest.mark.browser,
    pytest.mark.live,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("chromium"),
]


def test_signing_in_works_under_the_content_security_policy(argon2_password, server, monitored_page):
    monitored_page.goto(f"{server.url}/app/leads/")
    monitored_page.fill("#id_username", "alice@acme.example")
    monitored_page.fill("#id_password", "wonder-land-9")
    monitored_page.click(".submit-row button")
    monitored_page.get_by_role("heading", name="Leads").wait_for()
    assert monitored_page.problems == []


def test_the_api_reference_loads_nothing_external_and_can_try_calls(tenants, server, monitored_page):
    make_conversation(tenants.north)
    _, secret = create_key(tenants.acme, name="k", scope="read")
    monitored_page.goto(f"{server.url}/api/docs")
    monitored_page.wait_for_selector("text=List conversations, newest activity first")
    monitored_page.wait_for_selector("text=conversation.status_changed")
    assert monitored_page.locator(".opblock").count() >= 11
    monitored_page.click("button.authorize")
    monitored_page.fill(".auth-container input", secret)
    monitored_page.click(".auth-btn-wrapper button.authorize")
    monitored_page.click(".auth-btn-wrapper .btn-done")
    monitored_page.click("text=Check an API key")
    monitored_page.click("text=Try it out")
    monitored_page.click("button.execute")
    monitored_page.wait_for_selector(f"text={tenants.acme.pk}")
    assert monitored_page.problems == []
