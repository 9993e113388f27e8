"""Ids: UUIDv7 (RFC 9562), time-ordered, so that indexes stay warm at their end."""

import uuid

from uuid_utils.compat import uuid7


def new_id() -> uuid.UUID:
    """A new UUIDv7."""
    return uuid7()


def parse_id(text: str) -> uuid.UUID | None:
    """The UUID written in `text` in its canonical form, or None."""
    try:
        value = uuid.UUID(text)
    except ValueError:
        return None
    return value if str(value) == text.lower() else None
