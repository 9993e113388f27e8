"""Which sites may carry a brand's widget."""

import re
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError

LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
DOMAIN = re.compile(rf"(\*\.)?({LABEL}\.)*{LABEL}(:\d{{1,5}})?")


def check_domain(text: str) -> None:
    """A host name in lower case, `*.` before it for all below it, a port behind it where one counts. Raises ValidationError."""
    if len(text) > 253 or not DOMAIN.fullmatch(text):
        raise ValidationError(f"{text[:60]!a}: write a domain as shop.example.com or *.example.com, without https://.")


def is_allowed(origin: str, domains: list[str]) -> bool:
    """Whether a page of this Origin (RFC 6454) may carry the widget: on one of the domains, or our own; with none, any."""
    if not domains or origin == settings.BASE_URL:
        return True
    try:
        parts = urlsplit(origin)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and any(_matches(domain, host, port) for domain in domains)


def _matches(domain: str, host: str, port: int | None) -> bool:
    name, _, wanted = domain.partition(":")
    if wanted and (port is None or int(wanted) != port):
        return False
    return host.endswith(name[1:]) if name.startswith("*.") else host == name
