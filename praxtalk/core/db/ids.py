"""Ids are UUIDv7 (RFC 9562). They are ordered by time, so inserts touch only the end of an index, which stays cached."""

import uuid

from uuid_utils.compat import uuid7


def new_id() -> uuid.UUID:
    """Return a new UUIDv7."""
    return uuid7()


def parse_id(text: str) -> uuid.UUID | None:
    """Return the UUID that `text` contains in canonical form, or None if there is none."""
    try:
        value = uuid.UUID(text)
    except ValueError:
        return None
    return value if str(value) == text.lower() else None
