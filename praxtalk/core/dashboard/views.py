"""Pages of the dashboard that are made by hand."""

from typing import Any, ClassVar

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse_lazy
from django.utils.decorators import method_decorator
from django.views.csrf import csrf_failure as csrf_failure_page
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.generic import TemplateView

from praxtalk.core.dashboard.site import dashboard

SIGN_IN = reverse_lazy("admin:login")


@method_decorator([never_cache, sensitive_post_parameters()], name="dispatch")
class Page(TemplateView):
    """Entered like the admin's own: signed in, and allowed to do what the page is for (403 otherwise).

    ability: what one must be allowed to do; title: its heading.
    """

    ability: ClassVar[str] = "answer"
    title: ClassVar[str] = ""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not dashboard.has_permission(request):
            return redirect_to_login(request.get_full_path(), str(SIGN_IN))
        if not request.user.may(self.ability):  # type: ignore[union-attr]
            raise PermissionDenied
        return super().dispatch(request, *args, **kwargs)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return {**dashboard.each_context(self.request), "title": self.title, **super().get_context_data(**kwargs)}


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Django's page, with the code by which a script tells this refusal from that of a firewall: the session has changed."""
    response = csrf_failure_page(request, reason=reason)
    response["X-Error-Code"] = "csrf_failed"
    return response
