"""Read settings from environment variables, with clear error messages for missing or invalid values."""

import ipaddress
import re
from typing import NoReturn

import environ
from django.core.exceptions import ImproperlyConfigured

from praxtalk.core.mail.headers import ascii_sender

env = environ.Env()

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def fail(name: str, hint: str) -> NoReturn:
    """Raise ImproperlyConfigured for this variable. hint: describes valid values."""
    raise ImproperlyConfigured(f"{name} is missing or invalid: {hint}")


def require(*names: str) -> None:
    """Check that all of the variables are set. Raises ImproperlyConfigured otherwise."""
    missing = [name for name in names if not env.str(name, default="")]
    if not missing:
        return
    names_in_words = " and ".join(filter(None, [", ".join(missing[:-1]), missing[-1]]))
    advice = f"set {'it' if len(missing) == 1 else 'them'} as docs/operations.md says"
    if "DATABASE_URL" in missing:
        advice += ", or for development start `make run` or `manage.py devservices` first"
    raise ImproperlyConfigured(f"{names_in_words} {'is' if len(missing) == 1 else 'are'} not set: {advice}")


def matching(name: str, pattern: str, hint: str, default: str = "") -> str:
    """Return the variable's value, which must match all of `pattern`, ignoring case.

    hint: describes valid values in the error message. Raises ImproperlyConfigured.
    """
    value: str = env.str(name, default=default)
    return value if re.fullmatch(pattern, value, re.IGNORECASE) else fail(name, hint)


def integer(name: str, default: int, smallest: int, largest: int = 10**9) -> int:
    """Return an integer from `smallest` to `largest`, or `default` if the variable is unset or empty.

    Raises ImproperlyConfigured.
    """
    value = env.str(name, default="") or str(default)
    is_valid = value.isdecimal() and smallest <= int(value) <= largest
    return int(value) if is_valid else fail(name, f"a number from {smallest} to {largest}")


def networks(name: str, default: str = "") -> list[Network]:
    """Return the variable's comma-separated IP networks as a list. Raises ImproperlyConfigured."""
    try:
        texts = env.str(name, default=default).split(",")
        return [ipaddress.ip_network(text.strip()) for text in texts if text.strip()]
    except ValueError as error:
        fail(name, f"networks like 10.0.0.0/8, separated by commas ({error})")


def sender(name: str, default: str) -> str:
    """Return an e-mail sender in the form that a From header needs. Raises ImproperlyConfigured."""
    try:
        return ascii_sender(env.str(name, default=default))
    except ValueError as error:
        fail(name, f"an e-mail address, or Name <address> ({error})")
