"""Idempotency-Key: a repeated POST is answered as the first time, and has no second effect.

1. The transaction begins by inserting a StoredAnswer. A second request with the same key waits there, in PostgreSQL, until
   the first one commits or rolls back.
2. Inserted: the endpoint runs, and its answer is written into the row, in the same transaction as the effect. Encrypted: it
   may be the one time that a secret is shown.
3. Already there: the stored answer, with Idempotency-Replayed: true; 422 if the request was another one.
4. An error rolls all of it back, so a refused request may be mended and sent again under its key.
"""

import functools
import hashlib
from collections.abc import Callable
from typing import Any

import orjson
from rest_framework.request import Request
from rest_framework.response import Response

from praxtalk.core.api.errors import UnprocessableEntity
from praxtalk.core.api.models import IdempotencyRecord
from praxtalk.core.db.encryption import Unreadable, decrypt, encrypt
from praxtalk.core.db.inserts import insert_if_new
from praxtalk.core.db.transactions import joined_transaction

MAX_KEY = 255
KEPT_HOURS = 24

Post = Callable[..., Response]


def idempotent(post: Post) -> Post:
    """Decorates an ApiView's `post`. Every POST has it, or one of the two below: a test walks them."""
    return idempotent_after(None)(post)


def idempotent_after(look: Callable[[Any, Request], None] | None) -> Callable[[Post], Post]:
    """`look(view, request)` runs before the transaction begins: what asks the network, and may refuse the request."""

    def decorate(post: Post) -> Post:
        @functools.wraps(post)
        def wrapper(view: Any, request: Request, **path: Any) -> Response:
            key = _key(request)
            if look and (key is None or not _own(view, key).exists()):
                look(view, request)
            with joined_transaction():
                if key is None:
                    return post(view, request, **path)
                if not insert_if_new(IdempotencyRecord(**_owner(view, key), fingerprint=_fingerprint(request))):
                    return _replay(_own(view, key).get(), request)
                response = post(view, request, **path)
                _own(view, key).update(**_kept(response))
                return response

        return wrapper

    return decorate


def idempotent_outside(post: Post) -> Post:
    """For a POST that waits for the network and changes nothing: no transaction is held meanwhile. Two at once both run."""

    @functools.wraps(post)
    def wrapper(view: Any, request: Request, **path: Any) -> Response:
        key = _key(request)
        if key is not None and (stored := _own(view, key).first()):
            return _replay(stored, request)
        response = post(view, request, **path)
        if key is not None:
            values = {"fingerprint": _fingerprint(request), **_kept(response)}
            insert_if_new(IdempotencyRecord(**_owner(view, key), **values))
        return response

    return wrapper


def _owner(view: Any, key: str) -> dict[str, Any]:
    return {"workspace_id": view.key.workspace_id, "caller_id": view.key.pk, "key": key}


def _own(view: Any, key: str) -> Any:
    return IdempotencyRecord.objects.filter(**_owner(view, key))


def _key(request: Request) -> str | None:
    key: str | None = request.headers.get("Idempotency-Key")
    if key is not None and (not 1 <= len(key) <= MAX_KEY or not key.isascii() or not key.isprintable()):
        raise UnprocessableEntity(f"Idempotency-Key: must be 1 to {MAX_KEY} printable ASCII characters.")
    return key


def _fingerprint(request: Request) -> bytes:
    body = orjson.dumps(request.data, option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(b"\0".join([request.get_full_path().encode(), body])).digest()


def _kept(response: Response) -> dict[str, Any]:
    return {
        "status": response.status_code,
        "headers": {"Location": response["Location"]} if response.has_header("Location") else {},
        "body": encrypt(orjson.dumps(response.data).decode()),
    }


def _replay(stored: IdempotencyRecord, request: Request) -> Response:
    if bytes(stored.fingerprint) != _fingerprint(request):
        raise UnprocessableEntity("Idempotency-Key: already used for another request.", "idempotency_key_reused")
    try:
        body = orjson.loads(decrypt(stored.body))
    except Unreadable as error:
        raise UnprocessableEntity(
            "Idempotency-Key: the answer that was kept for it cannot be read any more."
        ) from error
    headers = {**stored.headers, "Idempotency-Replayed": "true"}
    return Response(body, status=stored.status, headers=headers)
