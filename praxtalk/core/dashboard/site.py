"""The dashboard at /app: a Django admin site for operators."""

from dataclasses import dataclass
from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest
from django.urls import URLPattern, URLResolver, include, path, reverse


@dataclass(frozen=True)
class NavItem:
    """An item of the navigation.

    url: the name of the page's URL. icon: one of praxtalk.core.dashboard.icons.ICONS. ability: the permission that an operator
    needs to see the item. unread: the name of the URL that returns the number of unread items; empty if there is none.
    starts_group: whether a line separates the item from those before it.
    """

    title: str
    url: str
    icon: str
    ability: str = "answer"
    unread: str = ""
    starts_group: bool = False


EXCLUDED_URLS = ("app_list", "view_on_site")


class Dashboard(AdminSite):
    """The admin site. Access needs an active operator; each page limits its data to the operator's workspace.

    navigation: the items beside each page, set by the project's URLs.
    """

    navigation: tuple[NavItem, ...] = ()
    site_title = "PraxTalk"
    site_header = "PraxTalk"
    index_title = "Overview"
    site_url = None
    enable_nav_sidebar = False
    empty_value_display = "–"

    def has_permission(self, request: HttpRequest) -> bool:
        return request.user.is_authenticated and request.user.is_active

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """Return the context of every page: Django's, and `navigation`, the items that this operator may open."""
        context = super().each_context(request)
        if context["has_permission"]:
            context["navigation"] = [
                {
                    "title": item.title,
                    "icon": item.icon,
                    "starts_group": item.starts_group,
                    "url": reverse(item.url),
                    "is_current": self._is_current(request, reverse(item.url)),
                    "unread": item.unread and reverse(item.unread),
                }
                for item in self.navigation
                if request.user.may(item.ability)  # type: ignore[union-attr]
            ]
        return context

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """Return no apps: the navigation replaces Django's list of apps."""
        return []

    def get_urls(self) -> list[URLPattern | URLResolver]:
        """Return the URLs: each model's pages below its admin's `url_prefix`, and Django's general pages.

        Django's app pages and `view_on_site` are left out, because the dashboard does not use them.
        """
        admins: Any = self._registry.values()
        model_urls: list[Any] = [path(f"{admin.url_prefix}/", include(admin.get_urls())) for admin in admins]
        general = [url for url in super().get_urls() if isinstance(url, URLPattern) and url.name not in EXCLUDED_URLS]
        return [*model_urls, *general]

    def _is_current(self, request: HttpRequest, url: str) -> bool:
        is_index = url == reverse("admin:index")
        return request.path == url if is_index else request.path.startswith(url)


dashboard = Dashboard(name="admin")
dashboard.disable_action("delete_selected")  # AdminPages has its own
