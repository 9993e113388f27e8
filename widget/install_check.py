"""Check whether the widget is installed on a page: its snippet, the Content-Security-Policy, and the allowed domains.

The page is fetched as webhooks are sent: from permitted addresses only, without redirects, and limited in time and size. A
snippet that a script adds to the page later (a tag manager, for example) is not detected.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from html.parser import HTMLParser
from urllib.parse import SplitResult, urljoin, urlsplit

from django.conf import settings

from brands.allowed_domains import is_allowed
from brands.models import Brand
from praxtalk.core.http.addresses import ForbiddenUrl, check_url
from praxtalk.core.http.transport import Page, open_transport
from widget.csp import Policy

MOST_BYTES = 2 * 1024 * 1024


@dataclass(frozen=True)
class Finding:
    """The result of one check. is_right: None if it works but could be better."""

    subject: str
    is_right: bool | None
    sentence: str


def check_site(brand: Brand, url: str) -> list[Finding]:
    """Fetch a page and return the result of each check. Call it outside any transaction, because it waits for the site."""
    try:
        permitted = check_url(url)
    except ForbiddenUrl as error:
        return [Finding("Address", False, str(error))]
    page = asyncio.run(_fetch(permitted))
    if page.status_code is None:
        return [Finding("Page", False, page.error)]
    headers = dict(page.headers)
    if 300 <= page.status_code < 400 and "location" in headers:
        return [Finding("Page", False, f"It leads on to {_joined(url, headers['location'])}: check that address.")]
    if page.status_code != 200:
        return [Finding("Page", False, f"It answers {page.status_code}.")]
    reader = _Reader()
    with suppress(AssertionError, ValueError):  # HTML that cannot be parsed: use what was found before the error
        reader.feed(page.text)
    snippet = _snippet(brand, reader)
    policies = [value for name, value in page.headers if name == "content-security-policy"] + reader.policies
    return [snippet, *_policy(policies, url, reader.nonce), _domain(brand, url)]


async def _fetch(url: str) -> Page:
    async with open_transport() as transport:
        return await transport.get(url, most=MOST_BYTES)


class _Reader(HTMLParser):
    """Collect the tags that load a widget.js, and the policies in <meta> tags."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, str]] = []  # origin, widget id
        self.policies: list[str] = []
        self.nonce = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        parts = _parts(values.get("src", ""))
        if tag == "script" and parts.path.endswith("/widget.js"):
            self.tags.append((f"{parts.scheme}://{parts.netloc}", values.get("data-widget-id", "")))
            self.nonce = values.get("nonce", "")
        elif tag == "meta" and values.get("http-equiv", "").lower() == "content-security-policy":
            self.policies.append(values.get("content", ""))


def _joined(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:
        return location


def _parts(url: str) -> SplitResult:
    """Split a URL. An invalid one is treated as empty."""
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")


def _snippet(brand: Brand, reader: _Reader) -> Finding:
    right = [tag for tag in reader.tags if tag[1] == brand.widget_id]
    if any(origin in (settings.BASE_URL, f"://{urlsplit(settings.BASE_URL).netloc}") for origin, _ in right):
        return Finding("Snippet", True, "It is there.")
    if right:
        return Finding(
            "Snippet", False, f"It is there, but loads the script from {right[0][0]}, not {settings.BASE_URL}."
        )
    if reader.tags:
        found = reader.tags[0][1] or "none"
        return Finding("Snippet", False, f"A widget is there, but with another widget id: {found[:60]}.")
    return Finding("Snippet", False, "It is not in the page. (If a script puts it there, it cannot be seen from here.)")


def _policy(policies: list[str], url: str, nonce: str) -> list[Finding]:
    if not policies:
        return [Finding("Content-Security-Policy", True, "The page has none.")]
    parsed = [Policy(text, page=url) for text in policies]
    script, socket = f"{settings.BASE_URL}/widget.js", f"{settings.BASE_URL.replace('http', 'ws', 1)}/api/sync"
    if not all(each.allows_script(script, nonce) for each in parsed):
        sentence = f"It keeps the script out: add {settings.BASE_URL}/widget.js to script-src, or its nonce to the tag."
        return [Finding("Content-Security-Policy", False, sentence)]
    if not all(each.allows_connection(settings.BASE_URL) for each in parsed):
        sentence = f"The script may come in, but not call home: add {settings.BASE_URL} to connect-src."
        return [Finding("Content-Security-Policy", False, sentence)]
    if not all(each.allows_connection(socket) for each in parsed):
        origin = settings.BASE_URL.replace("http", "ws", 1)
        sentence = f"It works, but asks every few seconds instead of being told: add {origin} to connect-src."
        return [Finding("Content-Security-Policy", None, sentence)]
    return [Finding("Content-Security-Policy", True, "It lets the widget in.")]


def _domain(brand: Brand, url: str) -> Finding:
    parts = urlsplit(url)
    if is_allowed(f"{parts.scheme}://{parts.netloc.lower()}", brand.allowed_domains):
        return Finding(
            "Allowed domains", True, "Any site may carry it." if not brand.allowed_domains else "It is listed."
        )
    return Finding("Allowed domains", False, f"{parts.hostname} is not among them: add it in the settings.")
