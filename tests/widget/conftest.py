"""Fixtures: a customer's site with the widget, in a real Chromium, connected to a running server.

    def test_...(site, page):
        site.html = "<h1>Shop</h1>"  # for every path; site.pages["/terms"] = ... sets a single one
        recorder = site.open(page, csp=STRICT, path="/")
        recorder.page.locator(...)
        assert recorder.reports() == recorder.errors() == []

The site is at http://localhost and the server at http://127.0.0.1, so they differ in origin and in site.
"""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.live.conftest import no_other_active_connections
from tests.live.driver import wait_for

NONCE = "bm90LWEtc2VjcmV0"
STRICT = "default-src 'none'; script-src 'nonce-{nonce}'; connect-src {host} {socket}"
TRUSTED_TYPES = "require-trusted-types-for 'script'; trusted-types 'none'"
STYLED = "; style-src 'self'"  # additionally needed by a site with `site.css`
REPORT = "csp report: "
COLLECT_VIOLATIONS = f"""addEventListener("securitypolicyviolation", (event) => console.debug({REPORT!r} + JSON.stringify(
  {{ directive: event.effectiveDirective, blocked: event.blockedURI, source: event.sourceFile, sample: event.sample }})))"""
PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>{path}</title>
{style}</head>
<body>
{html}
{tag}
</body>
</html>
"""


class PageRecorder:
    """A record of a page over all its navigations: requested URLs, console errors and CSP reports."""

    def __init__(self, page):
        self.page, self.requests, self._reports, self._errors = page, [], [], []
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self._errors.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))
        page.add_init_script(COLLECT_VIOLATIONS)

    def _on_console(self, message):
        if message.text.startswith(REPORT):
            self._reports.append(json.loads(message.text.removeprefix(REPORT)))
        elif message.type == "error":
            self._errors.append(message.text)

    def reports(self):
        """Return the violations of the Content-Security-Policy so far."""
        self.page.wait_for_timeout(50)  # the browser delivers reports in separate tasks
        return self._reports

    def errors(self):
        """Return the console errors and uncaught exceptions so far. Chromium also logs each CSP report there."""
        self.page.wait_for_timeout(50)
        return self._errors

    def until(self, expression, patience=20):
        """Poll a JavaScript expression and return its first true value.

        Playwright's own waiting evaluates strings, which these policies forbid.
        """
        deadline = time.monotonic() + patience
        while not (found := self.page.evaluate(expression)):
            assert time.monotonic() < deadline, (expression, self._reports, self._errors)
            self.page.wait_for_timeout(20)
        return found


class Site:
    """A customer's web site.

    html, css: the content of its pages; `{nonce}` in `html` stands for the nonce of the policy. pages: bodies of
    single paths. attributes: extra attributes of the script tag, as ' data-side="left"'. has_tag: False for pages
    without the widget. requested_paths: the paths requested so far.
    """

    def __init__(self, host, widget_id):
        self.host, self.widget_id = host, widget_id
        self.html, self.css, self.pages, self.attributes, self.has_tag = "<h1>Shop</h1>", "", {}, "", True
        self.csp, self.requested_paths, self.recorders = None, [], []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), CustomerRequestHandler)
        self._server.site, self._server.daemon_threads = self, True
        self.url = f"http://localhost:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def tag(self):
        """Return the documented script tag, with a nonce if the page's policy requires one."""
        nonce = f' nonce="{NONCE}"' if "'nonce-" in (self.csp or "") else ""
        return f'<script src="{self.host}/widget.js" data-widget-id="{self.widget_id}"{self.attributes}{nonce} defer></script>'

    def policy(self, csp):
        """Return `csp` with {nonce}, {host} and {socket} filled in."""
        return csp.format(nonce=NONCE, host=self.host, socket=self.host.replace("http", "ws", 1))

    def page_at(self, path):
        return PAGE.format(
            path=path,
            style='<link rel="stylesheet" href="/site.css">' if self.css else "",
            html=self.pages.get(path, self.html).replace("{nonce}", NONCE),
            tag=self.tag if self.has_tag else "",
        )

    def open(self, page, *, csp=None, path="/", widget_id=None):
        """Load a page of the site and return its PageRecorder. csp: the policy of all pages from now on, None for none."""
        self.csp = csp and self.policy(csp)
        self.widget_id = widget_id or self.widget_id
        recorder = next((recorder for recorder in self.recorders if recorder.page is page), None)
        if recorder is None:
            recorder = PageRecorder(page)
            self.recorders.append(recorder)
        page.goto(self.url + path)
        return recorder

    def close(self):
        for recorder in self.recorders:
            if not recorder.page.is_closed():
                recorder.page.close()
        self._server.shutdown()
        self._server.server_close()


class CustomerRequestHandler(BaseHTTPRequestHandler):
    """The request handler of the customer's web server."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        site, path = self.server.site, self.path.split("?")[0]
        site.requested_paths.append(path)
        if path == "/favicon.ico":
            return self._answer(204, "image/x-icon", "")
        if path == "/site.css":
            return self._answer(200, "text/css", site.css)
        return self._answer(200, "text/html; charset=utf-8", site.page_at(path))

    def _answer(self, status, content_type, text):
        content = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(content)))
        if self.server.site.csp:
            self.send_header("Content-Security-Policy", self.server.site.csp)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args):
        pass


@pytest.fixture
def site(server, chromium, tenants):
    """Return the customer's site with North's widget. Its pages are closed before the tables are emptied."""
    opened = Site(server.url, tenants.north.widget_id)
    yield opened
    opened.close()
    wait_for(no_other_active_connections, "A query or transaction did not end.")
