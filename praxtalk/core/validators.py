"""Names that people read in lists: of something to see, and without characters that turn, hide or break a line."""

import unicodedata

from django.core.exceptions import ValidationError

JOINERS = "\u200c\u200d"  # which Persian, Hindi and emoji are written with


def check_visible(text: str) -> None:
    """Raises Django's ValidationError."""
    kinds = {unicodedata.category(character) for character in text if character not in JOINERS}
    if kinds & {"Cc", "Cf"}:
        raise ValidationError("This holds characters that cannot be seen.")
    if text and not kinds - {"Zs", "Zl", "Zp"}:
        raise ValidationError("There is nothing to see in this.")
