"""In a real Chromium: the sign-in and the API reference work under their policies, with nothing from outside."""

import pytest

from integrations.actions.api_keys import create_key
from tests.conftest import make_talk

pytestmark = [
    pytest.mark.browser,
    pytest.mark.live,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("chromium"),
]


def test_sign_in(server, watched):
    watched.goto(f"{server.url}/app/leads/")
    watched.fill("#id_username", "alice@acme.example")
    watched.fill("#id_password", "wonder-land-9")
    watched.click("input[type=submit]")
    watched.get_by_role("heading", name="Leads").wait_for()
    assert watched.problems == []


def test_the_api_reference_is_served_from_here_and_tries_calls(cast, server, watched):
    make_talk(cast.north)
    _, secret = create_key(cast.acme, name="k", scope="read")
    watched.goto(f"{server.url}/api/docs")
    watched.wait_for_selector("text=List conversations, newest activity first")
    watched.wait_for_selector("text=conversation.status_changed")
    assert watched.locator(".opblock").count() >= 11
    watched.click("button.authorize")
    watched.fill(".auth-container input", secret)
    watched.click(".auth-btn-wrapper button.authorize")
    watched.click(".auth-btn-wrapper .btn-done")
    watched.click("text=Check a key")
    watched.click("text=Try it out")
    watched.click("button.execute")
    watched.wait_for_selector(f"text={cast.acme.pk}")
    assert watched.problems == []
