"""Forms that make a secret and show it in the answer: sent again, as by a reload of that answer, they make nothing."""

from uuid import uuid4

from django.contrib import messages
from django.core.cache import cache
from django.http import HttpRequest
from django_redis.exceptions import ConnectionInterrupted
from redis.exceptions import RedisError

FIELD = "form_id"
KEPT = 24 * 3600
MAX_ID = 64


def new_form_id() -> str:
    """For a hidden field named FIELD, of each page anew."""
    return uuid4().hex


def is_resubmission(request: HttpRequest) -> bool:
    """Whether this form has been sent before; if so, that is told. A form without an id is always new, and while Valkey is away
    all are."""
    form_id = request.POST.get(FIELD, "")[:MAX_ID]
    if not form_id:
        return False
    try:
        is_new = cache.add(f"form.{request.user.pk}.{form_id}", 1, timeout=KEPT)
    except (ConnectionInterrupted, RedisError):
        return False
    if not is_new:
        messages.info(request, "That was done already, and what it made was shown. Nothing was made anew.")
    return not is_new
