"""Operators' browsers in front of a real server."""

from types import SimpleNamespace

import pytest
from django.test import Client

from tests.dashboard.conftest import COLLECT, server
from tests.sync.test_outages import valkey

__all__ = ["server", "valkey"]


@pytest.fixture
def browsers(browser, request, cast):
    """browsers.open(operator, path) -> a page of a browser of their own, signed in; `problems` is what went wrong on it.

    url: of another server than that of the fixture `server`.
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
