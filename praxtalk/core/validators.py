"""Validators of fields: names that are displayed in lists, and time zones."""

import unicodedata
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from django.core.exceptions import ValidationError

JOINERS = "\u200c\u200d"  # zero-width (non-)joiners, which Persian, Hindi and emoji need


def validate_visible(text: str) -> None:
    """Reject text that is blank, or contains control or formatting characters (which can hide, reorder or break text).

    Raises Django's ValidationError. An empty string is accepted.
    """
    kinds = {unicodedata.category(character) for character in text if character not in JOINERS}
    if kinds & {"Cc", "Cf"}:
        raise ValidationError("This contains invisible characters.")
    if text and not kinds - {"Zs", "Zl", "Zp"}:
        raise ValidationError("Enter at least one visible character.")


def check_time_zone(name: str) -> None:
    """Raise ValidationError if this is not a name in the IANA time zone database."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:  # not found; a path outside the database; a directory
        raise ValidationError(f"{name!a} is not a time zone. Enter one such as Europe/Berlin.") from error


@cache
def time_zones() -> frozenset[str]:
    """Return the names of all time zones that the server knows."""
    return frozenset(available_timezones())
