"""Protection against resubmitted forms.

Some forms create a secret and show it in the response to the POST. Reloading that response submits the form again; the second
submission must not create another secret.
"""

from uuid import uuid4

from django.contrib import messages
from django.core.cache import cache
from django.http import HttpRequest
from django_redis.exceptions import ConnectionInterrupted
from redis.exceptions import RedisError

FIELD = "form_id"
RETENTION_SECONDS = 24 * 3600
MAX_ID = 64


def new_form_id() -> str:
    """Return a new id for the form's hidden field FIELD. Every rendered page needs its own."""
    return uuid4().hex


def is_resubmission(request: HttpRequest) -> bool:
    """Return whether this form has been submitted before; if so, add a message for the operator.

    A form without an id always counts as new. While Valkey is unreachable, every form does.
    """
    form_id = request.POST.get(FIELD, "")[:MAX_ID]
    if not form_id:
        return False
    try:
        is_new = cache.add(f"form.{request.user.pk}.{form_id}", 1, timeout=RETENTION_SECONDS)
    except (ConnectionInterrupted, RedisError):
        return False
    if not is_new:
        messages.info(request, "This form has already been submitted. Nothing new was created.")
    return not is_new
