"""Signing in at /app/login/.

1. E-mail address and password, at most five times a minute from one address and for one account. A wrong address answers as a
   wrong password does, and takes as long.
2. Without a second factor: signed in. With one, the session remembers for ten minutes whose code it waits for, and nothing
   else: to every page its visitor is a stranger still.
3. The code, at most five times a minute: signed in, under a new session key.
"""

from time import time
from typing import Any

from django.conf import settings
from django.contrib.auth import REDIRECT_FIELD_NAME, login
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.signals import user_logged_out
from django.contrib.auth.views import LoginView, RedirectURLMixin
from django.dispatch import receiver
from django.forms import CharField, Form, TextInput
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.generic import FormView

from brands.audit import Action, record
from brands.models import Operator
from brands.operator_tokens import end_pages
from brands.two_factor import accepts
from praxtalk.api.address import client_address, limited_unit
from praxtalk.api.limits import LimitReached, count
from praxtalk.dashboard.site import dashboard

PATIENCE_SECONDS = 600
WAITING = "second_factor"
BACKEND = "django.contrib.auth.backends.ModelBackend"
TOO_MANY = "Too many attempts to sign in"


class Limited(FormView[Any]):
    """A form that may be sent five times a minute by one address, and five times for whom `counted` names."""

    group = ""

    def counted(self, request: HttpRequest) -> str:
        raise NotImplementedError

    def post(self, request: HttpRequest, *args: str, **kwargs: Any) -> HttpResponse:
        try:
            count(f"{self.group}.address", limited_unit(client_address(request)), settings.SIGN_INS_A_MINUTE, TOO_MANY)
            count(f"{self.group}.account", self.counted(request)[:254].lower(), settings.SIGN_INS_A_MINUTE, TOO_MANY)
        except LimitReached as reached:
            form = self.get_form()
            form.full_clean = lambda: None
            form._errors, form.cleaned_data = {}, {}
            form.add_error(None, str(reached.detail))
            headers = {"Retry-After": str(reached.retry_after)}
            return self.render_to_response(self.get_context_data(form=form), status=429, headers=headers)
        return super().post(request, *args, **kwargs)


class SignIn(Limited, LoginView):
    """The first step."""

    template_name = "admin/login.html"
    redirect_authenticated_user = True
    authentication_form = AuthenticationForm
    next_page = "admin:index"
    group = "sign_in"

    def counted(self, request: HttpRequest) -> str:
        return request.POST.get("username", "")

    def get_redirect_url(self, request: HttpRequest | None = None) -> str:
        """Not to where one is let in."""
        url: str = super().get_redirect_url()
        return "" if url.startswith(reverse("sign_in")) else url

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        operator = form.get_user()
        if not operator.has_two_factor:
            return _let_in(self.request, operator, self.get_success_url())
        self.request.session.flush()
        self.request.session[WAITING] = {"operator": str(operator.pk), "since": time()}
        query = f"?{REDIRECT_FIELD_NAME}={self.get_redirect_url()}" if self.get_redirect_url() else ""
        return redirect(reverse("second_step") + query)

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        _note_failure(self.request, self.request.POST.get("username", ""), "password")
        return super().form_invalid(form)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return {**dashboard.each_context(self.request), **super().get_context_data(**kwargs), "title": "Sign in"}


class CodeForm(Form):
    code = CharField(
        max_length=40,
        label="Code",
        widget=TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "text", "autofocus": True}),
        help_text="Six digits from your authenticator app, or one of your recovery codes.",
    )


@method_decorator([never_cache, sensitive_post_parameters()], name="dispatch")
class SecondStep(RedirectURLMixin, Limited):
    """The second step."""

    template_name = "admin/second_step.html"
    form_class = CodeForm
    next_page = "admin:index"
    group = "second_step"
    operator: Operator

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        waiting = request.session.get(WAITING, {})
        rows = Operator.objects.filter(pk=waiting.get("operator"), is_active=True)
        operator = rows.first() if time() - waiting.get("since", 0) < PATIENCE_SECONDS else None
        if operator is None:
            return redirect("admin:login")
        self.operator = operator
        return super().dispatch(request, *args, **kwargs)

    def counted(self, request: HttpRequest) -> str:
        return str(self.operator.pk)

    def form_valid(self, form: CodeForm) -> HttpResponse:
        if accepts(self.operator, form.cleaned_data["code"]):
            del self.request.session[WAITING]
            return _let_in(self.request, self.operator, self.get_success_url())
        _note_failure(self.request, self.operator.email, "code")
        form.add_error("code", "This code is wrong, or has been used.")
        return self.form_invalid(form)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        more = {"next": self.get_redirect_url(), "title": "Two-factor sign-in"}
        return {**dashboard.each_context(self.request), **super().get_context_data(**kwargs), **more}


@receiver(user_logged_out)
def _end_pages(user: Operator | None, **kwargs: Any) -> None:
    """What other tabs show ends with the session."""
    if user is not None:
        end_pages(user)


def _let_in(request: HttpRequest, operator: Operator, url: str) -> HttpResponse:
    login(request, operator, backend=BACKEND)
    record(Action.SIGNED_IN, workspace_id=operator.workspace_id, by=operator)
    return HttpResponseRedirect(url)


def _note_failure(request: HttpRequest, email: str, step: str) -> None:
    operator = Operator.objects.filter(email__iexact=email[:254].replace("\0", "")).first()
    if operator:
        record(Action.SIGN_IN_FAILED, workspace_id=operator.workspace_id, subject=operator, step=step)
