"""Idempotency-Key: a repeated POST is answered as the first time, and has no second effect.

1. The transaction begins by inserting a StoredAnswer. A second request with the same key waits there, in PostgreSQL, until
   the first one commits or rolls back.
2. Inserted: the endpoint runs, and its answer is written into the row, in the same transaction as the effect.
3. Already there: the stored answer, with Idempotency-Replayed: true; 422 if the request was another one.
4. An error rolls all of it back, so a refused request may be mended and sent again under its key.
"""

import functools
import hashlib
from collections.abc import Callable
from typing import Any

import orjson
from django.db import transaction
from rest_framework.request import Request
from rest_framework.response import Response

from praxtalk.api.errors import Invalid
from praxtalk.api.models import StoredAnswer

MAX_KEY = 255
KEPT_HOURS = 24


def idempotent(post: Callable[..., Response]) -> Callable[..., Response]:
    """Decorates an ApiView's `post`. Every POST has it: a test walks them."""

    @functools.wraps(post)
    def wrapper(view: Any, request: Request, **path: Any) -> Response:
        with transaction.atomic():
            key = request.headers.get("Idempotency-Key")
            if key is None:
                return post(view, request, **path)
            _check(key)
            fingerprint = _fingerprint(request)
            own = {"workspace_id": view.key.workspace_id, "caller_id": view.key.pk, "key": key}
            _, is_first = StoredAnswer.objects.get_or_create(**own, defaults={"fingerprint": fingerprint})
            row = StoredAnswer.objects.filter(**own)
            if not is_first:
                return _replay(row.get(), fingerprint)
            response = post(view, request, **path)
            row.update(
                status=response.status_code,
                headers={"Location": response["Location"]} if response.has_header("Location") else {},
                body=orjson.dumps(response.data).decode(),
            )
            return response

    return wrapper


def _check(key: str) -> None:
    if not 1 <= len(key) <= MAX_KEY or not key.isascii() or not key.isprintable():
        raise Invalid(f"Idempotency-Key: must be 1 to {MAX_KEY} printable ASCII characters.")


def _fingerprint(request: Request) -> bytes:
    body = orjson.dumps(request.data, option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(b"\0".join([request.get_full_path().encode(), body])).digest()


def _replay(stored: StoredAnswer, fingerprint: bytes) -> Response:
    if bytes(stored.fingerprint) != fingerprint:
        raise Invalid("Idempotency-Key: already used for another request.", "idempotency_key_reused")
    headers = {**stored.headers, "Idempotency-Replayed": "true"}
    return Response(orjson.loads(stored.body), status=stored.status, headers=headers)
