"""Rate limits of the widget's endpoints. The limits are settings. Calls are counted in the same way as for the REST API."""

from uuid import UUID

from django.conf import settings
from rest_framework.request import Request

from praxtalk.core.api.address import client_address, rate_limit_unit
from praxtalk.core.api.limits import Limit, count_each

TOO_MANY_MESSAGES = "Too many messages at once"


def count_call(request: Request) -> None:
    """Count a call of any endpoint except the configuration. Raises LimitReached."""
    count_each(
        Limit("widget.ip", rate_limit_unit(client_address(request)), settings.WIDGET_CALLS_PER_IP, TOO_MANY_MESSAGES)
    )


def count_start(request: Request, brand_id: UUID) -> None:
    """Count a submitted form, by address and then by brand. Raises LimitReached.

    A form that the address limit rejects does not count for the brand, so that one address cannot use up the brand's limit.
    """
    address = rate_limit_unit(client_address(request))
    count_each(
        Limit("widget.start", f"{brand_id} {address}", settings.WIDGET_STARTS_PER_IP, TOO_MANY_MESSAGES),
        Limit("widget.brand", str(brand_id), settings.WIDGET_STARTS_PER_BRAND, TOO_MANY_MESSAGES),
    )


def count_message(request: Request, visitor_id: UUID, *, has_file: bool) -> None:
    """Count a visitor's message, whichever tab and address it comes from. Raises LimitReached.

    A file is also counted by visitor and by address. The limit by address keeps many visitors at one address from filling the
    disk.
    """
    visitor, address = str(visitor_id), rate_limit_unit(client_address(request))
    limits = [Limit("widget.message", visitor, settings.WIDGET_MESSAGES_PER_VISITOR, TOO_MANY_MESSAGES)]
    if has_file:
        limits += [
            Limit("widget.file", visitor, settings.WIDGET_FILES_PER_VISITOR, TOO_MANY_MESSAGES),
            Limit("widget.files", address, settings.WIDGET_FILES_PER_IP, TOO_MANY_MESSAGES),
        ]
    count_each(*limits)
