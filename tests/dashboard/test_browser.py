"""In a real Chromium: the sign-in and the API reference work under their policies, with nothing from outside."""

import pytest
from django.test import override_settings

from integrations.api_keys import create_key
from tests.conftest import make_talk
from tests.servers import Server

ARGON2 = "django.contrib.auth.hashers.Argon2PasswordHasher"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.live,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("chromium"),
]


@pytest.fixture
def server(cast):
    with override_settings(PASSWORD_HASHERS=[ARGON2]):  # what the server reads; the suite's own hasher is a fast one
        cast.alice.set_password("wonder-land-9")
        cast.alice.save(update_fields=["password"])
    with Server("--only", "web", WEB_PROCESSES="1", LOG_LEVEL="ERROR") as running:
        yield running


@pytest.fixture
def watched(page, server):
    """A page that remembers what went wrong on it, and every request that left this machine's server."""
    page.problems = []
    page.on("console", lambda message: page.problems.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.on(
        "request", lambda r: None if r.url.startswith((server.url, "data:", "blob:")) else page.problems.append(r.url)
    )
    return page


def test_sign_in(cast, server, watched):
    watched.goto(f"{server.url}/app/")
    watched.fill("#id_username", "alice@acme.example")
    watched.fill("#id_password", "wonder-land-9")
    watched.click("input[type=submit]")
    watched.wait_for_selector("text=You are signed in to Acme")
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
