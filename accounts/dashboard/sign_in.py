"""Sign in at /app/login/.

1. The operator enters e-mail address and password. An unknown address gets the same response as a wrong password, and after the
   same time.
2. Without two-factor authentication, the operator is signed in. With it, the session only stores, for ten minutes, which
   operator has to enter a code: every view still treats the request as anonymous.
3. The operator enters the code and is signed in, under a new session key.

`accounts.throttling` limits the attempts for both password and code. After a sign-in, the browser and the IP address are known to
the account.
"""

from time import time
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib.auth import REDIRECT_FIELD_NAME, login
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.signals import user_logged_out
from django.contrib.auth.views import LoginView, RedirectURLMixin
from django.core.exceptions import ValidationError
from django.db import transaction
from django.dispatch import receiver
from django.forms import CharField, Form, TextInput
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.generic import FormView

from accounts.actions.operator_tokens import revoke_dashboard_tokens
from accounts.actions.two_factor import verify
from accounts.audit import Action, record
from accounts.known_clients import remember
from accounts.middleware import current_operator
from accounts.models import FailedAttempt, Operator
from accounts.throttling import Purpose, TooManyAttempts, register_attempt
from praxtalk.core.dashboard.site import dashboard

PENDING_LOGIN_SECONDS = 600
PENDING_LOGIN_KEY = "second_factor"
BACKEND = "django.contrib.auth.backends.ModelBackend"
NO_WORKSPACE = UUID(int=0)


class RateLimitedFormView(FormView[Any]):
    """A form that takes a secret or queues an e-mail. `accounts.throttling` counts each POST as an attempt.

    `form_valid` of a subclass deletes `attempt` if the secret is right.
    """

    purpose: Purpose
    attempt: FailedAttempt

    def attempted_email(self, request: HttpRequest) -> str:
        """Return the submitted e-mail address, even if no operator has it."""
        raise NotImplementedError

    def post(self, request: HttpRequest, *args: str, **kwargs: Any) -> HttpResponse:
        try:
            self.attempt = register_attempt(self.purpose, request, email=self.attempted_email(request))
        except TooManyAttempts as error:
            return self.throttled_response(error)
        return super().post(request, *args, **kwargs)

    def throttled_response(self, error: TooManyAttempts) -> HttpResponse:
        """Return the form with status 429, without validating the submitted data."""
        form = self.get_form()
        form.full_clean = lambda: None
        form._errors, form.cleaned_data = {}, {}
        form.add_error(None, str(error))
        headers = {"Retry-After": str(error.retry_after)}
        return self.render_to_response(self.get_context_data(form=form), status=429, headers=headers)


class SignInForm(AuthenticationForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].label = "E-mail"


class SignInView(RateLimitedFormView, LoginView):
    """Ask for e-mail address and password."""

    template_name = "admin/login.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True
    next_page = "home"
    purpose = Purpose.PASSWORD

    def attempted_email(self, request: HttpRequest) -> str:
        return request.POST.get("username", "")

    def get_initial(self) -> dict[str, Any]:
        """Return the submitted e-mail address, for a form that had expired and is shown again."""
        return {**super().get_initial(), "username": self.attempted_email(self.request)}

    def get_redirect_url(self, request: HttpRequest | None = None) -> str:
        """Return the URL to redirect to. An empty string stands for the home page.

        The sign-in page itself and /app/, where most operators enter, count as the home page.
        """
        url: str = super().get_redirect_url()
        return "" if url.startswith(reverse("sign_in")) or url == reverse("admin:index") else url

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        self.attempt.delete()
        return complete_password_step(self.request, form.get_user(), self.get_redirect_url())

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        _record_failure(self.attempt, self.request.POST.get("username", ""), "password")
        return super().form_invalid(form)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        more = {"title": "Sign in", "has_operators": Operator.objects.exists()}
        return {**dashboard.each_context(self.request), **super().get_context_data(**kwargs), **more}


class CodeForm(Form):
    code = CharField(
        max_length=40,
        label="Code",
        widget=TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "text", "autofocus": True}),
        help_text="The six-digit code from your authenticator app, or a recovery code.",
    )


@method_decorator([never_cache, sensitive_post_parameters()], name="dispatch")
class TwoFactorView(RedirectURLMixin, RateLimitedFormView):
    """Ask for a two-factor code."""

    template_name = "accounts/two_factor.html"
    form_class = CodeForm
    next_page = "home"
    purpose = Purpose.CODE
    operator: Operator

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        pending = request.session.get(PENDING_LOGIN_KEY, {})
        rows = Operator.objects.filter(pk=pending.get("operator"), is_active=True)
        operator = rows.first() if time() - pending.get("since", 0) < PENDING_LOGIN_SECONDS else None
        if operator is None:
            return redirect("admin:login")
        self.operator = operator
        return super().dispatch(request, *args, **kwargs)

    def attempted_email(self, request: HttpRequest) -> str:
        return self.operator.email

    def form_valid(self, form: CodeForm) -> HttpResponse:
        if verify(self.operator, form.cleaned_data["code"]):
            self.attempt.delete()
            del self.request.session[PENDING_LOGIN_KEY]
            return complete_login(self.request, self.operator, self.get_success_url())
        _record_failure(self.attempt, self.operator.email, "code")
        form.add_error("code", "This code is incorrect or has already been used.")
        return self.form_invalid(form)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return {
            **dashboard.each_context(self.request),
            **super().get_context_data(**kwargs),
            "next": self.get_redirect_url(),
            "title": "Two-factor authentication",
        }


def confirm_password(request: HttpRequest, password: str) -> None:
    """Raise ValidationError if this is not the password of the signed-in operator, or after too many attempts."""
    operator = current_operator(request)
    try:
        attempt = register_attempt(Purpose.CONFIRMATION, request, email=operator.email)
    except TooManyAttempts as error:
        raise ValidationError(str(error)) from error
    if not operator.check_password(password):
        raise ValidationError("Incorrect password.")
    attempt.delete()


@receiver(user_logged_out)
def _revoke_tokens_on_logout(user: Operator | None, **kwargs: Any) -> None:
    """Revoke the tokens of other open tabs when the session ends."""
    if user is not None:
        revoke_dashboard_tokens(user)


def complete_password_step(request: HttpRequest, operator: Operator, url: str) -> HttpResponse:
    """Sign in an operator who has proved that they know the password, or ask for their two-factor code.

    url: where to go afterwards; empty for the home page.
    """
    if not operator.has_two_factor:
        return complete_login(request, operator, url or reverse("home"))
    request.session.flush()
    request.session[PENDING_LOGIN_KEY] = {"operator": str(operator.pk), "since": time()}
    query = "?" + urlencode({REDIRECT_FIELD_NAME: url}, safe="/") if url else ""
    return redirect(reverse("two_factor_login") + query)


def complete_login(request: HttpRequest, operator: Operator, url: str) -> HttpResponse:
    """Sign the operator in, whose credentials have been checked, and redirect to `url`."""
    login(request, operator, backend=BACKEND)
    record(Action.SIGNED_IN, workspace_id=operator.workspace_id, by=operator)
    response = HttpResponseRedirect(url)
    remember(request, response, operator.email)
    return response


@transaction.atomic
def _record_failure(attempt: FailedAttempt, email: str, step: str) -> None:
    """Record the failure in the audit log of the operator, if there is one.

    Without an operator, write the same entry and roll it back: the response time must not reveal whether the operator exists.
    """
    attempt.created_at = timezone.now()
    attempt.save(update_fields=["created_at"])
    operator = Operator.objects.filter(email__iexact=email[:254].replace("\0", "")).first()
    with transaction.atomic():
        workspace_id = operator.workspace_id if operator else NO_WORKSPACE
        record(Action.SIGN_IN_FAILED, workspace_id=workspace_id, subject=operator or "", step=step)
        if operator is None:
            transaction.set_rollback(True)
