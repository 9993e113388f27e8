"""The address at which the first owner sets up an installation.

It holds a signed code, so that only the person who runs the server has it.

The code is valid for three days, and only until there is a workspace other than the demo.
"""

from django.conf import settings
from django.core.signing import BadSignature, TimestampSigner
from django.urls import reverse

from accounts.models import Workspace

SALT = "brands.setup_code"
VALUE = "setup"
SEPARATOR = "."  # so that a double click selects the whole address


def setup_url() -> str:
    """Return the address, with a new code."""
    code = _signer().sign(VALUE).partition(SEPARATOR)[2]
    return settings.BASE_URL + reverse("setup", args=[code])


def is_valid(code: str) -> bool:
    """Return whether the code is genuine and not too old."""
    try:
        _signer().unsign(f"{VALUE}{SEPARATOR}{code}", max_age=settings.PASSWORD_RESET_TIMEOUT)
    except (BadSignature, ValueError):  # ValueError: a timestamp that is none
        return False
    return True


def is_set_up() -> bool:
    """Return whether there is a workspace other than the demo."""
    return Workspace.objects.filter(is_demo=False).exists()


def _signer() -> TimestampSigner:
    return TimestampSigner(salt=SALT, sep=SEPARATOR)
