"""Evaluate a page's Content-Security-Policy: as much of CSP Level 3 as is needed to check that the widget works."""

import re
from urllib.parse import urlsplit

HOST_SOURCE = re.compile(
    r"(?:([a-z][a-z0-9+.-]*)://)?(\*|(?:\*\.)?[\w.-]+|\[[0-9a-f:.]+\])(?::(\d+|\*))?(/.*)?", re.IGNORECASE
)
PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
UPGRADES = {("http", "https"), ("ws", "wss"), ("ws", "http"), ("ws", "https"), ("wss", "https")}


class Policy:
    """One policy of a page. page: the URL of the page, which 'self' refers to."""

    def __init__(self, text: str, *, page: str) -> None:
        self._page = page
        self._directives: dict[str, list[str]] = {}
        for part in text.split(",")[0].split(";"):
            name, *sources = part.split()[:1] + part.split()[1:] if part.strip() else [""]
            if name and name.lower() not in self._directives:  # the first of equal directives applies (CSP3, 2.2.1)
                self._directives[name.lower()] = sources

    def allows_script(self, url: str, nonce: str) -> bool:
        """Return whether the policy allows a <script src> with this URL and nonce."""
        sources = self._sources("script-src-elem", "script-src", "default-src")
        if sources is None:
            return True
        if nonce and f"'nonce-{nonce}'" in sources:
            return True
        if "'strict-dynamic'" in (source.lower() for source in sources):
            return False  # 'strict-dynamic' makes browsers ignore host sources
        return self._matches(sources, url)

    def allows_connection(self, url: str) -> bool:
        """Return whether the policy allows a fetch or a WebSocket to this URL."""
        sources = self._sources("connect-src", "default-src")
        return sources is None or self._matches(sources, url)

    def _sources(self, *names: str) -> list[str] | None:
        return next((self._directives[name] for name in names if name in self._directives), None)

    def _matches(self, sources: list[str], url: str) -> bool:
        return any(self._matches_one(source, url) for source in sources)

    def _matches_one(self, source: str, url: str) -> bool:
        """Return whether the URL matches the source expression (CSP3, 6.7.2.8)."""
        parts = urlsplit(url)
        page = urlsplit(self._page)
        if source == "*":
            return parts.scheme in PORTS
        if source.lower() == "'self'":
            return parts.netloc == page.netloc and _matches_scheme("ws", parts.scheme)
        if re.fullmatch(r"[a-z][a-z0-9+.-]*:", source, re.IGNORECASE):
            return _matches_scheme(source[:-1].lower(), parts.scheme)
        match = HOST_SOURCE.fullmatch(source)
        if match is None:
            return False
        scheme, host, port, path = match.groups()
        if not _matches_scheme((scheme or page.scheme).lower(), parts.scheme):
            return False
        name = (parts.hostname or "").lower()
        host = host.lower().strip("[]")
        if host != "*" and not (name.endswith(host[1:]) if host.startswith("*.") else name == host):
            return False
        default_port = str(PORTS.get(parts.scheme))
        if port != "*" and (str(parts.port) if parts.port else default_port) != (port or default_port):
            return False
        return not path or path == "/" or (parts.path.startswith(path) if path.endswith("/") else parts.path == path)


def _matches_scheme(source_scheme: str, scheme: str) -> bool:
    return source_scheme == scheme or (source_scheme, scheme) in UPGRADES
