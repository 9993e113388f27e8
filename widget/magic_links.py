"""Links in e-mails that bring a visitor back to their thread, on whichever device they are opened.

A link carries a code in its fragment, which browsers send to no server; the page exchanges it for a visitor token. It is good
for 30 days, and as often as the e-mail is opened.
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


def return_link(visitor: Visitor) -> str:
    """To the page where the visitor wrote, if the brand's list of domains vouches for it: anyone can name any page. Else to a
    page of our own. Reads the brand: load it."""
    code = signing.dumps(str(visitor.pk), salt=SALT, compress=False)
    return f"{_page_of(visitor)}#{FRAGMENT}{code}"


def visitor_for(code: str) -> Visitor | None:
    """Who comes back by this code, with their brand; None for one that we did not sign, that has ended, or of nobody."""
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
