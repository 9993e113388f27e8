"""A signed-in browser in front of a real server: it remembers what went wrong, and every request that left this machine."""

import pytest
from django.test import Client, override_settings

from tests.servers import WEB, Server

ARGON2 = "django.contrib.auth.hashers.Argon2PasswordHasher"
COLLECT = """addEventListener("securitypolicyviolation", (event) =>
  console.error("csp report: " + event.effectiveDirective + " " + event.blockedURI))"""


@pytest.fixture
def server(cast):
    with override_settings(PASSWORD_HASHERS=[ARGON2]):  # what the server reads; the suite's own hasher is a fast one
        cast.alice.set_password("wonder-land-9")
        cast.alice.save(update_fields=["password"])
    with Server(*WEB, WEB_PROCESSES="1", LOG_LEVEL="ERROR") as running:
        yield running


@pytest.fixture
def watched(page, server):
    """A page that remembers what went wrong on it, and every request that left this machine's server."""
    page.problems = []
    page.add_init_script(COLLECT)
    page.on("console", lambda message: page.problems.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.on(
        "request", lambda r: None if r.url.startswith((server.url, "data:", "blob:")) else page.problems.append(r.url)
    )
    return page


@pytest.fixture
def alice(watched, server, cast):
    """Alice's browser, signed in: by a cookie, for the form lets nobody in more than five times a minute."""
    client = Client()
    client.force_login(cast.alice)
    watched.context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": server.url}])
    watched.goto(f"{server.url}/app/")
    watched.wait_for_selector("#rail")
    return watched
