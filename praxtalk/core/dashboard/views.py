"""The base of the dashboard's views outside ModelAdmin."""

from typing import Any, ClassVar

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse_lazy
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.generic import TemplateView

from praxtalk.core.dashboard.site import dashboard

LOGIN_URL = reverse_lazy("admin:login")


@method_decorator([never_cache, sensitive_post_parameters()], name="dispatch")
class DashboardView(TemplateView):
    """Base view of a dashboard page. It redirects to the sign-in page if needed, and responds with 403 without permission.

    ability: the permission that the page needs. title: the heading of the page.
    """

    ability: ClassVar[str] = "answer"
    title: ClassVar[str] = ""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not dashboard.has_permission(request):
            return redirect_to_login(request.get_full_path(), str(LOGIN_URL))
        if not request.user.may(self.ability):  # type: ignore[union-attr]
            raise PermissionDenied
        return super().dispatch(request, *args, **kwargs)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return {**dashboard.each_context(self.request), "title": self.title, **super().get_context_data(**kwargs)}
