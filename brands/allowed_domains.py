"""Which sites may embed a brand's widget."""

import re
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError

LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
DOMAIN = re.compile(rf"(\*\.)?({LABEL}\.)*{LABEL}(:\d{{1,5}})?")


def check_domain(text: str) -> None:
    """Raise ValidationError unless this is a host name in lower case.

    A leading `*.` allows all of its subdomains. A port may follow, and then only that port is allowed.
    """
    if len(text) > 253 or not DOMAIN.fullmatch(text):
        raise ValidationError(
            f"{text[:60]!a} is not a domain. Enter one such as shop.example.com or *.example.com, without https://."
        )


def is_allowed(origin: str, domains: list[str]) -> bool:
    """Return whether a page of this Origin (RFC 6454) may embed the widget.

    Allowed are the domains and BASE_URL; without domains, every origin.
    """
    if not domains or origin == settings.BASE_URL:
        return True
    try:
        parts = urlsplit(origin)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and any(_matches(domain, host, port) for domain in domains)


def _matches(domain: str, host: str, port: int | None) -> bool:
    name, _, allowed_port = domain.partition(":")
    if allowed_port and (port is None or int(allowed_port) != port):
        return False
    return host.endswith(name[1:]) if name.startswith("*.") else host == name
