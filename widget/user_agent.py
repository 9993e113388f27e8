"""Derive a short description of a browser from its User-Agent header."""

import re

NUMBER = "/([0-9]{1,4})"
BROWSERS = [  # the first match applies: the User-Agent of each also names those below it
    ("Edge", re.compile(rf"\bEdg(?:e|A|iOS)?{NUMBER}")),
    ("Opera", re.compile(rf"\bOPR{NUMBER}")),
    ("Samsung Internet", re.compile(rf"\bSamsungBrowser{NUMBER}")),
    ("Firefox", re.compile(rf"\b(?:Firefox|FxiOS){NUMBER}")),
    ("Chrome", re.compile(rf"(?:\bCriOS|Chrome){NUMBER}")),
    ("Safari", re.compile(rf"\bVersion{NUMBER}.* Safari/")),
]
SYSTEMS = {
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Android": "Android",
    "Windows": "Windows",
    "CrOS": "ChromeOS",
    "Mac OS X": "macOS",
    "Linux": "Linux",
}
MAX_LENGTH = 1_000


def browser_of(user_agent: str) -> str:
    """Return a description such as "Firefox 131 on Linux"; "" for an unknown browser.

    Only digits are copied from the header.
    """
    text = user_agent[:MAX_LENGTH]
    browser = next((f"{name} {found[1]}" for name, pattern in BROWSERS if (found := pattern.search(text))), "")
    system = next((name for token, name in SYSTEMS.items() if token in text), "")
    return f"{browser} on {system}" if browser and system else browser
