"""Idempotency-Key: a repeated POST gets the first response again and has no second effect.

1. The transaction begins by inserting an IdempotencyRecord. A concurrent request with the same key waits for this insert in
   PostgreSQL until the first request commits or rolls back.
2. If the record is new, the endpoint runs. Its response is stored in the record, in the transaction of the change itself. The
   response is encrypted, because it may contain a secret that is shown only once.
3. If the record exists, the stored response is sent with Idempotency-Replayed: true, or 422 if the request differs.
4. An error rolls back everything, so the client may correct a refused request and send it again with the same key.
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
from praxtalk.core.db.encryption import DecryptionError, decrypt, encrypt
from praxtalk.core.db.inserts import insert_if_new
from praxtalk.core.db.transactions import joined_transaction

MAX_KEY = 255
RETENTION_HOURS = 24

Post = Callable[..., Response]


def idempotent(post: Post) -> Post:
    """Decorate an ApiView's `post`. A test checks that every POST has this decorator or one of the two below."""
    return idempotent_with_precheck(None)(post)


def idempotent_with_precheck(precheck: Callable[[Any, Request], None] | None) -> Callable[[Post], Post]:
    """Like `idempotent`, but call `precheck(view, request)` before the transaction begins.

    `precheck` may use the network, and raises an exception to refuse the request. It is not called if a response is stored.
    """

    def decorate(post: Post) -> Post:
        @functools.wraps(post)
        def wrapper(view: Any, request: Request, **path: Any) -> Response:
            key = _key(request)
            if precheck and (key is None or not _records(view, key).exists()):
                precheck(view, request)
            with joined_transaction():
                if key is None:
                    return post(view, request, **path)
                if not insert_if_new(IdempotencyRecord(**_record_key(view, key), fingerprint=_fingerprint(request))):
                    return _replay(_records(view, key).get(), request)
                response = post(view, request, **path)
                _records(view, key).update(**_stored_values(response))
                return response

        return wrapper

    return decorate


def idempotent_without_transaction(post: Post) -> Post:
    """Like `idempotent`, for a `post` that waits for the network and changes nothing: it runs outside a transaction.

    Two concurrent requests with the same key both run.
    """

    @functools.wraps(post)
    def wrapper(view: Any, request: Request, **path: Any) -> Response:
        key = _key(request)
        if key is not None and (stored := _records(view, key).first()):
            return _replay(stored, request)
        response = post(view, request, **path)
        if key is not None:
            values = {"fingerprint": _fingerprint(request), **_stored_values(response)}
            insert_if_new(IdempotencyRecord(**_record_key(view, key), **values))
        return response

    return wrapper


def _record_key(view: Any, key: str) -> dict[str, Any]:
    return {"workspace_id": view.key.workspace_id, "caller_id": view.key.pk, "key": key}


def _records(view: Any, key: str) -> Any:
    return IdempotencyRecord.objects.filter(**_record_key(view, key))


def _key(request: Request) -> str | None:
    key: str | None = request.headers.get("Idempotency-Key")
    if key is not None and (not 1 <= len(key) <= MAX_KEY or not key.isascii() or not key.isprintable()):
        raise UnprocessableEntity(f"Idempotency-Key: must be 1 to {MAX_KEY} printable ASCII characters.")
    return key


def _fingerprint(request: Request) -> bytes:
    body = orjson.dumps(request.data, option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(b"\0".join([request.get_full_path().encode(), body])).digest()


def _stored_values(response: Response) -> dict[str, Any]:
    return {
        "status": response.status_code,
        "headers": {"Location": response["Location"]} if response.has_header("Location") else {},
        "body": encrypt(orjson.dumps(response.data).decode()),
    }


def _replay(stored: IdempotencyRecord, request: Request) -> Response:
    if bytes(stored.fingerprint) != _fingerprint(request):
        raise UnprocessableEntity("Idempotency-Key: already used for a different request.", "idempotency_key_reused")
    try:
        body = orjson.loads(decrypt(stored.body))
    except DecryptionError as error:
        raise UnprocessableEntity("Idempotency-Key: the stored response can no longer be decrypted.") from error
    headers = {**stored.headers, "Idempotency-Replayed": "true"}
    return Response(body, status=stored.status, headers=headers)
