"""How often a browser may call: numbers in settings, counted as the limits of REST are."""

from uuid import UUID

from django.conf import settings
from rest_framework.request import Request

from praxtalk.api.address import client_address, limited_unit
from praxtalk.api.limits import count

SENTENCE = "Too many messages at once"


def count_call(request: Request) -> None:
    """Each call but that for the configuration. Raises LimitReached."""
    count("widget.ip", limited_unit(client_address(request)), settings.WIDGET_CALLS_PER_IP, SENTENCE)


def count_start(request: Request, brand_id: UUID) -> None:
    """A form: by address, then by brand, so that one address cannot use up what all others may. Raises LimitReached."""
    address = limited_unit(client_address(request))
    count("widget.start", f"{brand_id} {address}", settings.WIDGET_STARTS_PER_IP, SENTENCE)
    count("widget.brand", str(brand_id), settings.WIDGET_STARTS_PER_BRAND, SENTENCE)


def count_file(request: Request, visitor_id: UUID) -> None:
    """A file: by visitor, then by address, whose many visitors might fill the disk. Raises LimitReached."""
    count("widget.file", str(visitor_id), settings.WIDGET_FILES_PER_VISITOR, SENTENCE)
    count("widget.files", limited_unit(client_address(request)), settings.WIDGET_FILES_PER_IP, SENTENCE)


def count_message(visitor_id: UUID) -> None:
    """A message of a visitor, from however many tabs and addresses. Raises LimitReached."""
    count("widget.message", str(visitor_id), settings.WIDGET_MESSAGES_PER_VISITOR, SENTENCE)
