"""Reading settings from environment variables, with one clear sentence for what is missing or wrong."""

import ipaddress
import re
from typing import NoReturn

import environ
from django.core.exceptions import ImproperlyConfigured

from praxtalk.core.mail.headers import ascii_sender

env = environ.Env()

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def refuse(name: str, hint: str) -> NoReturn:
    """Raises ImproperlyConfigured."""
    raise ImproperlyConfigured(f"{name} is missing or wrong: {hint}")


def require(*names: str) -> None:
    """Raises ImproperlyConfigured if one of the variables is not set."""
    missing = [name for name in names if not env.str(name, default="")]
    if not missing:
        return
    listed = " and ".join(filter(None, [", ".join(missing[:-1]), missing[-1]]))
    advice = f"set {'it' if len(missing) == 1 else 'them'} as docs/operations.md says"
    if "DATABASE_URL" in missing:
        advice += ", or for development start `make run` or `manage.py devservices` first"
    raise ImproperlyConfigured(f"{listed} {'is' if len(missing) == 1 else 'are'} not set: {advice}")


def matching(name: str, pattern: str, hint: str, default: str = "") -> str:
    """The variable's value, which must match `pattern` completely, ignoring case. hint: describes valid values in the error.

    Raises ImproperlyConfigured.
    """
    value: str = env.str(name, default=default)
    return value if re.fullmatch(pattern, value, re.IGNORECASE) else refuse(name, hint)


def integer(name: str, default: int, smallest: int, largest: int = 10**9) -> int:
    """A whole number; the default if the variable is unset or empty. Raises ImproperlyConfigured."""
    value = env.str(name, default="") or str(default)
    is_right = value.isdecimal() and smallest <= int(value) <= largest
    return int(value) if is_right else refuse(name, f"a number from {smallest} to {largest}")


def networks(name: str, default: str = "") -> list[Network]:
    """IP networks, separated by commas. Raises ImproperlyConfigured."""
    try:
        texts = env.str(name, default=default).split(",")
        return [ipaddress.ip_network(text.strip()) for text in texts if text.strip()]
    except ValueError as error:
        refuse(name, f"networks like 10.0.0.0/8, separated by commas ({error})")


def sender(name: str, default: str) -> str:
    """The sender of an e-mail, as a header has it. Raises ImproperlyConfigured."""
    try:
        return ascii_sender(env.str(name, default=default))
    except ValueError as error:
        refuse(name, f"an e-mail address, or Name <address> ({error})")
