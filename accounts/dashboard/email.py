"""The page about e-mail in the settings."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from accounts.mail import send_test
from accounts.middleware import current_operator
from praxtalk.core.api.outgoing_slots import NoFreeSlot, outgoing_slot
from praxtalk.core.dashboard.views import DashboardView


class EmailSettingsView(DashboardView):
    """GET shows which mail server is used, without its password. POST sends a test e-mail to the operator, and waits for it."""

    ability = "workspace"
    title = "Settings"
    template_name = "accounts/email.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        encryption = "TLS" if settings.EMAIL_USE_SSL else "STARTTLS" if settings.EMAIL_USE_TLS else "None"
        more = {
            "workspace": current_operator(self.request).workspace,
            "is_configured": settings.EMAIL_IS_CONFIGURED,
            "server": f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}",
            "encryption": encryption,
            "sender": settings.EMAIL_FROM,
        }
        return super().get_context_data(**more, **kwargs)

    def post(self, request: HttpRequest) -> HttpResponse:
        operator = current_operator(request)
        if not settings.EMAIL_IS_CONFIGURED or operator.workspace.is_demo:
            return self.render_to_response(self.get_context_data())
        try:
            with outgoing_slot(operator.workspace_id):
                reason = send_test(operator)
        except NoFreeSlot as error:
            return self._respond(str(error.detail), status=429)
        if reason:
            return self._respond(str(reason.label), status=502)
        return self._respond(f"The mail server has accepted the e-mail to {operator.email}.", is_sent=True)

    def _respond(self, message: str, *, is_sent: bool = False, status: int = 200) -> HttpResponse:
        result = {"message": message, "is_sent": is_sent}
        return self.render_to_response(self.get_context_data(result=result), status=status)
