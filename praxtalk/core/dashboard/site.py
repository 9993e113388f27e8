"""The dashboard at /app: Django's admin site, entered by operators."""

from dataclasses import dataclass
from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest
from django.urls import URLPattern, URLResolver, include, path, reverse


@dataclass(frozen=True)
class NavItem:
    """An entry of the rail. url: a URL's name; ability: what an operator must be allowed to do to see it; unread: the name of the
    URL that tells how much waits there."""

    title: str
    url: str
    ability: str = "answer"
    unread: str = ""


NAVIGATION = (
    NavItem("Overview", "admin:index"),
    NavItem("Inbox", "inbox", unread="inbox_unread"),
    NavItem("Leads", "admin:leads_lead_changelist"),
    NavItem("Visitors", "admin:conversations_visitor_changelist"),
    NavItem("Canned replies", "admin:conversations_cannedreply_changelist"),
    NavItem("Tags", "admin:conversations_tag_changelist"),
    NavItem("Brands", "admin:brands_brand_changelist", "brands"),
    NavItem("Integrations", "integrations", "integrations"),
    NavItem("Team", "admin:brands_operator_changelist", "team"),
    NavItem("Audit log", "admin:brands_auditentry_changelist", "audit"),
    NavItem("Settings", "workspace", "workspace"),
)

NOT_HERE = ("app_list", "view_on_site")


class Dashboard(AdminSite):
    """Entering needs an active operator; what one sees there is scoped to the operator's workspace, page by page."""

    site_title = "PraxTalk"
    site_header = "PraxTalk"
    index_title = "Overview"
    site_url = None
    enable_nav_sidebar = False

    def has_permission(self, request: HttpRequest) -> bool:
        return request.user.is_authenticated and request.user.is_active

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """What every page shows: besides Django's, `rail`, the places that this operator may go to."""
        context = super().each_context(request)
        if context["has_permission"]:
            context["rail"] = [
                {
                    "title": place.title,
                    "url": reverse(place.url),
                    "is_here": self._is_at(request, reverse(place.url)),
                    "unread": place.unread and reverse(place.unread),
                }
                for place in NAVIGATION
                if request.user.may(place.ability)  # type: ignore[union-attr]
            ]
        return context

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """None: the rail is what leads to the pages."""
        return []

    def get_urls(self) -> list[URLPattern | URLResolver]:
        """Each model where its admin's `place` says. Django's own pages without those of apps, which nobody needs here."""
        admins: Any = self._registry.values()
        places: list[Any] = [path(f"{admin.url_prefix}/", include(admin.get_urls())) for admin in admins]
        general = [url for url in super().get_urls() if isinstance(url, URLPattern) and url.name not in NOT_HERE]
        return [*places, *general]

    def _is_at(self, request: HttpRequest, url: str) -> bool:
        is_index = url == reverse("admin:index")
        return request.path == url if is_index else request.path.startswith(url)


dashboard = Dashboard(name="admin")
