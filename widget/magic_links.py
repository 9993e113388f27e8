"""Links in e-mails that lead a visitor back to their thread, on any device.

A link carries a code in its fragment, which browsers never send to a server. The widget exchanges the code for a visitor token.
The code is valid for 30 days and can be used any number of times.
"""

from urllib.parse import urlsplit, urlunsplit

from django.conf import settings
from django.core import signing

from brands.allowed_domains import is_allowed
from conversations.models import Visitor
from praxtalk.core.db.ids import parse_id

SALT = "praxtalk return links"
LIFETIME_SECONDS = 30 * 24 * 3600
FRAGMENT = "praxtalk="


def magic_link(visitor: Visitor) -> str:
    """Return a link to the page where the visitor wrote, or else to the brand's chat page on this server.

    The visitor's page is used only if it is on one of the brand's allowed domains, because a client can report any URL. Reads
    `visitor.brand`: load it first.
    """
    code = signing.dumps(str(visitor.pk), salt=SALT, compress=False)
    return f"{_page_of(visitor)}#{FRAGMENT}{code}"


def visitor_from_code(code: str) -> Visitor | None:
    """Return the visitor of this code, with their brand; None if the code is forged or expired, or the visitor is deleted."""
    try:
        pk = parse_id(signing.loads(code, salt=SALT, max_age=LIFETIME_SECONDS))
    except signing.BadSignature:
        return None
    return Visitor.objects.select_related("brand").filter(pk=pk).first() if pk else None


def _page_of(visitor: Visitor) -> str:
    brand, page = visitor.brand, urlsplit(visitor.page)
    origin = f"{page.scheme}://{page.netloc}"
    if visitor.page and brand.allowed_domains and is_allowed(origin, brand.allowed_domains):
        return urlunsplit(page._replace(fragment=""))
    return f"{settings.BASE_URL}/talk/{brand.widget_id}"
