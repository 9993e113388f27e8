"""Fixtures for browser tests against a real server. The pages record errors and requests to other hosts."""

import pytest
from django.test import Client, override_settings

ARGON2 = "django.contrib.auth.hashers.Argon2PasswordHasher"
COLLECT = """addEventListener("securitypolicyviolation", (event) =>
  console.error("csp report: " + event.effectiveDirective + " " + event.blockedURI))"""


@pytest.fixture
def argon2_password(tenants):
    """Hash Alice's password as the server does: its process does not use the tests' fast hasher."""
    with override_settings(PASSWORD_HASHERS=[ARGON2]):
        tenants.alice.set_password("wonder-land-9")
        tenants.alice.save(update_fields=["password"])


@pytest.fixture
def monitored_page(page, server):
    """Return a page whose `problems` list collects errors, CSP violations and requests to anything but the test server."""
    page.problems = []
    page.add_init_script(COLLECT)
    page.on("console", lambda message: page.problems.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.on(
        "request", lambda r: None if r.url.startswith((server.url, "data:", "blob:")) else page.problems.append(r.url)
    )
    return page


@pytest.fixture
def alice_page(monitored_page, server, tenants):
    """Return a page on which Alice is signed in.

    The session cookie is set directly, because the sign-in form allows only five attempts a minute.
    """
    client = Client()
    client.force_login(tenants.alice)
    monitored_page.context.add_cookies(
        [{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": server.url}]
    )
    monitored_page.goto(f"{server.url}/app/")
    monitored_page.wait_for_selector("#nav")
    return monitored_page
