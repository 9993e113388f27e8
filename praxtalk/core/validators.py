"""Validators for names that are displayed in lists."""

import unicodedata

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
