"""Encode and decode values: JSON, with one-key objects ($float, $integer, $bytes) for what JSON cannot represent.

Values are validated before they are sent, because a client that cannot parse one fails without reporting an error.
"""

import base64
import binascii
import math
import struct
from functools import lru_cache
from typing import Any

import orjson

MAX_SAFE_INTEGER = 2**53  # clients' numbers are floats, which cannot represent every integer beyond this
MAX_KEY = 1024
MAX_DEPTH = 64
FIELD_NAME_CACHE_SIZE = 1000  # results contain the same few field names again and again


class UnsupportedValue(ValueError):
    """A value that cannot be encoded, or a malformed encoded value."""


def encode(value: Any) -> str:
    """Return the encoded text. Raises UnsupportedValue.

    Integers are written as 3.0, because the HTTP client of the PyPI package rejects 3.
    """
    try:
        return orjson.dumps(_to_wire(value)).decode()
    except (orjson.JSONEncodeError, RecursionError) as error:
        raise UnsupportedValue(str(error)) from error


def _to_wire(value: Any) -> Any:
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int):
        if -MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER:
            return float(value)
        return {"$integer": _base64(value.to_bytes(8, "little", signed=True))}
    if isinstance(value, float):
        is_plain = math.isfinite(value) and (value != 0 or math.copysign(1, value) > 0)
        return value if is_plain else {"$float": _base64(struct.pack("<d", value))}
    if isinstance(value, dict):
        for key in value:
            if not _is_outgoing_field_name(key):
                raise UnsupportedValue(f"invalid field name: {key!r}")
        return {key: _to_wire(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_to_wire(item) for item in value]
    if isinstance(value, bytes):
        return {"$bytes": _base64(value)}
    raise UnsupportedValue(f"unsupported type: {type(value).__name__}")


def is_field_name(key: Any) -> bool:
    """Return whether `key` is 1 to 1,024 printable ASCII characters and does not start with $. Clients throw on others."""
    is_text = isinstance(key, str) and 0 < len(key) <= MAX_KEY and not key.startswith("$")
    return is_text and key.isascii() and key.isprintable()


# Cached for outgoing values only: a name that a client sends may be as long as a request, and would stay in memory.
_is_outgoing_field_name = lru_cache(FIELD_NAME_CACHE_SIZE)(is_field_name)


def decode(value: Any, depth: int = 0) -> Any:
    """Decode parsed JSON. 5.0 becomes 5, because a client's numbers are all floats. Raises UnsupportedValue."""
    if depth > MAX_DEPTH:
        raise UnsupportedValue("nested too deeply")
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) <= MAX_SAFE_INTEGER else value
    if isinstance(value, list):
        return [decode(item, depth + 1) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        (key, inner), *_ = value.items()
        if key.startswith("$"):
            return _decode_special(key, inner)
    for key in value:
        if not is_field_name(key):
            raise UnsupportedValue(f"invalid field name: {key[:100]!r}")
    return {key: decode(item, depth + 1) for key, item in value.items()}


def _decode_special(key: str, inner: Any) -> Any:
    try:
        data = base64.b64decode(inner, validate=True)
        if key == "$bytes":
            return data
        if key == "$integer" and len(data) == 8:
            return int.from_bytes(data, "little", signed=True)
        if key == "$float":
            return struct.unpack("<d", data)[0]
    except (binascii.Error, TypeError, ValueError, struct.error) as error:
        raise UnsupportedValue(f"malformed {key[:100]}") from error
    raise UnsupportedValue(f"malformed {key[:100]}")


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
