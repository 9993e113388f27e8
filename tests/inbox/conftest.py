"""Fixtures: operators' browsers, connected to a running server."""

from types import SimpleNamespace

import pytest
from django.test import Client

from tests.dashboard.conftest import COLLECT
from tests.sync.test_outages import valkey

__all__ = ["valkey"]


@pytest.fixture
def browsers(browser, request, tenants):
    """Return an object whose `open(operator, path)` opens a page in a new browser context in which the operator is
    signed in.

    The page's `problems` lists console errors and uncaught exceptions. `url` selects another server than the `server`
    fixture.
    """
    contexts = []

    def open_page(operator, path="/app/inbox/", url=None, **options):
        url = url or request.getfixturevalue("server").url
        context = browser.new_context(**{"viewport": {"width": 1440, "height": 900}, **options})
        contexts.append(context)
        client = Client()
        client.force_login(operator)
        cookie = {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": url}
        context.add_cookies([cookie])
        page = context.new_page()
        page.problems = []
        page.add_init_script(COLLECT)
        page.on("console", lambda message: page.problems.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        page.goto(url + path)
        return page

    yield SimpleNamespace(open=open_page)
    for context in contexts:
        context.close()
