"""How often a browser may call: numbers in settings, counted as the limits of REST are."""

from uuid import UUID

from django.conf import settings
from rest_framework.request import Request

from praxtalk.core.api.address import client_address, limited_unit
from praxtalk.core.api.limits import Limit, count_each

SENTENCE = "Too many messages at once"


def count_call(request: Request) -> None:
    """Each call but that for the configuration. Raises LimitReached."""
    count_each(Limit("widget.ip", limited_unit(client_address(request)), settings.WIDGET_CALLS_PER_IP, SENTENCE))


def count_start(request: Request, brand_id: UUID) -> None:
    """A form: by address, then by brand, so that one address cannot use up what all others may. Raises LimitReached."""
    address = limited_unit(client_address(request))
    count_each(
        Limit("widget.start", f"{brand_id} {address}", settings.WIDGET_STARTS_PER_IP, SENTENCE),
        Limit("widget.brand", str(brand_id), settings.WIDGET_STARTS_PER_BRAND, SENTENCE),
    )


def count_message(request: Request, visitor_id: UUID, *, has_file: bool) -> None:
    """A message of a visitor, from however many tabs and addresses. A file: by visitor, then by address, whose many visitors
    might fill the disk. Raises LimitReached."""
    visitor, address = str(visitor_id), limited_unit(client_address(request))
    limits = [Limit("widget.message", visitor, settings.WIDGET_MESSAGES_PER_VISITOR, SENTENCE)]
    if has_file:
        limits += [
            Limit("widget.file", visitor, settings.WIDGET_FILES_PER_VISITOR, SENTENCE),
            Limit("widget.files", address, settings.WIDGET_FILES_PER_IP, SENTENCE),
        ]
    count_each(*limits)
