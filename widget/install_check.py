"""Check whether the widget is installed on a page: its snippet, the Content-Security-Policy, and the allowed domains.

The page is fetched under the same rules as webhooks: from permitted addresses only, without redirects, and with limits on
time and size. A
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
from praxtalk.core.http.results import FetchedPage
from widget.csp import Policy

MAX_BYTES = 2 * 1024 * 1024


@dataclass(frozen=True)
class CheckResult:
    """The result of one check. passed: None if it works but could be better."""

    subject: str
    passed: bool | None
    message: str


def check_site(brand: Brand, url: str) -> list[CheckResult]:
    """Fetch a page and return the result of each check. Call it outside any transaction, because it waits for the site."""
    try:
        permitted = check_url(url)
    except ForbiddenUrl as error:
        return [CheckResult("Address", False, _capitalised(str(error).removeprefix("url: ")))]
    page = asyncio.run(_fetch(permitted))
    if page.status_code is None:
        return [CheckResult("Page", False, _explanation(page.error, urlsplit(url).hostname or url))]
    headers = dict(page.headers)
    if 300 <= page.status_code < 400 and "location" in headers:
        return [
            CheckResult(
                "Page",
                False,
                f"The page redirects to {_absolute_url(url, headers['location'])}. Check that address instead.",
            )
        ]
    if page.status_code != 200:
        return [CheckResult("Page", False, f"The page returned status {page.status_code}.")]
    parser = _PageParser()
    with suppress(AssertionError, ValueError):  # HTML that cannot be parsed: use what was found before the error
        parser.feed(page.text)
    snippet = _check_snippet(brand, parser)
    policies = [value for name, value in page.headers if name == "content-security-policy"] + parser.policies
    return [snippet, *_check_policies(policies, url, parser.nonce), _check_domain(brand, url)]


def _explanation(error: str, host: str) -> str:
    """Return a sentence for an error of `praxtalk.core.http.transport`, whose kind is before the first colon."""
    kind, _, detail = error.partition(": ")
    sentences = {
        "DNS": f"There is no server with the name {host}. Check the address for typing errors.",
        "TLS": f"The certificate of {host} is not valid, so browsers warn of this site: {detail}",
        "Refused": f"PraxTalk may not open this address: {detail}",
        "No connection": f"{host} does not accept connections: {detail}",
    }
    return sentences.get(kind, f"The page could not be loaded. {_capitalised(error)}")


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]


async def _fetch(url: str) -> FetchedPage:
    from praxtalk.core.http.transport import open_transport  # not at module level: see praxtalk/core/http/results.py

    async with open_transport() as transport:
        return await transport.get(url, max_bytes=MAX_BYTES)


class _PageParser(HTMLParser):
    """Collect the tags that load a widget.js, and the policies in <meta> tags."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, str]] = []  # origin, widget id
        self.policies: list[str] = []
        self.nonce = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        parts = _split_url(values.get("src", ""))
        if tag == "script" and parts.path.endswith("/widget.js"):
            self.tags.append((f"{parts.scheme}://{parts.netloc}", values.get("data-widget-id", "")))
            self.nonce = values.get("nonce", "")
        elif tag == "meta" and values.get("http-equiv", "").lower() == "content-security-policy":
            self.policies.append(values.get("content", ""))


def _absolute_url(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:
        return location


def _split_url(url: str) -> SplitResult:
    """Split a URL. An invalid one is treated as empty."""
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")


def _check_snippet(brand: Brand, parser: _PageParser) -> CheckResult:
    own_tags = [tag for tag in parser.tags if tag[1] == brand.widget_id]
    if any(origin in (settings.BASE_URL, f"://{urlsplit(settings.BASE_URL).netloc}") for origin, _ in own_tags):
        return CheckResult("Snippet", True, "The snippet is installed.")
    if own_tags:
        return CheckResult(
            "Snippet", False, f"The snippet loads the script from {own_tags[0][0]} instead of {settings.BASE_URL}."
        )
    if parser.tags:
        found = parser.tags[0][1] or "none"
        return CheckResult("Snippet", False, f"The page has a widget with another widget id: {found[:60]}.")
    return CheckResult(
        "Snippet", False, "The page has no snippet. (A snippet that a script adds later cannot be detected.)"
    )


def _check_policies(policies: list[str], url: str, nonce: str) -> list[CheckResult]:
    if not policies:
        return [CheckResult("Content-Security-Policy", True, "The page has no policy.")]
    parsed = [Policy(text, page=url) for text in policies]
    script, socket = f"{settings.BASE_URL}/widget.js", f"{settings.BASE_URL.replace('http', 'ws', 1)}/api/sync"
    if not all(each.allows_script(script, nonce) for each in parsed):
        message = (
            f"The policy blocks the script. Add {settings.BASE_URL}/widget.js to script-src, or a nonce to the tag."
        )
        return [CheckResult("Content-Security-Policy", False, message)]
    if not all(each.allows_connection(settings.BASE_URL) for each in parsed):
        message = f"The policy blocks the requests of the widget. Add {settings.BASE_URL} to connect-src."
        return [CheckResult("Content-Security-Policy", False, message)]
    if not all(each.allows_connection(socket) for each in parsed):
        origin = settings.BASE_URL.replace("http", "ws", 1)
        message = f"The policy blocks WebSockets, so the widget polls every few seconds. Add {origin} to connect-src."
        return [CheckResult("Content-Security-Policy", None, message)]
    return [CheckResult("Content-Security-Policy", True, "The policy allows the widget.")]


def _check_domain(brand: Brand, url: str) -> CheckResult:
    parts = urlsplit(url)
    if is_allowed(f"{parts.scheme}://{parts.netloc.lower()}", brand.allowed_domains):
        return CheckResult(
            "Allowed domains",
            True,
            "The widget is allowed on any site." if not brand.allowed_domains else "The domain is allowed.",
        )
    return CheckResult(
        "Allowed domains", False, f"{parts.hostname} is not an allowed domain. Add it in the settings of the brand."
    )
