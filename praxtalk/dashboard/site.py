"""The dashboard at /app: Django's admin site, entered by operators."""

from django.contrib.admin import AdminSite
from django.contrib.auth.forms import AuthenticationForm
from django.http import HttpRequest


class Dashboard(AdminSite):
    """Entering needs an active operator; what one sees there is scoped to the operator's workspace, page by page."""

    site_title = "PraxTalk"
    site_header = "PraxTalk"
    index_title = "Dashboard"
    enable_nav_sidebar = False
    login_form = AuthenticationForm  # the admin's own asks for is_staff; here every active operator enters

    def has_permission(self, request: HttpRequest) -> bool:
        return request.user.is_authenticated and request.user.is_active


dashboard = Dashboard(name="admin")
