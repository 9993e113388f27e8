"""The response to a form whose CSRF token is missing or no longer valid.

Signing in replaces the token of the browser, so the forms in its other tabs expire. A form of the sign-in that is submitted then
leads to the page that was asked for. Where nobody is signed in, the form is shown again. Any other page says what to do. Scripts
get JSON. Every response has the header `X-Error-Code: csrf_failed`, by which a script distinguishes it from a firewall's 403.
"""

from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.middleware.csrf import REASON_NO_CSRF_COOKIE
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from accounts.dashboard.sign_in import SignInView
from praxtalk.core.dashboard.site import dashboard

EXPIRED = "This form had expired. Please try again."
NO_COOKIES = "Your browser has not sent this site's cookie. Allow cookies for this site, and try again."
SIGN_IN_PAGES = ("sign_in", "two_factor_login")
PUBLIC_PAGES = (*SIGN_IN_PAGES, "password_reset", "password_reset_confirm", "accept_invitation")


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Return the response. This is Django's CSRF_FAILURE_VIEW."""
    response = _response(request, reason)
    response["X-Error-Code"] = "csrf_failed"
    return response


def _response(request: HttpRequest, reason: str) -> HttpResponse:
    text = NO_COOKIES if reason == REASON_NO_CSRF_COOKIE else EXPIRED
    accepts_json = request.get_preferred_type(["text/html", "application/json"]) == "application/json"
    if accepts_json or request.path.startswith(settings.JSON_API_PREFIXES):
        return JsonResponse({"error": text}, status=403)
    page = request.resolver_match.url_name if request.resolver_match else None
    if page in SIGN_IN_PAGES and request.user.is_authenticated:
        sign_in = SignInView()
        sign_in.setup(request)
        return redirect(sign_in.get_success_url())
    is_foreign_address = reason.startswith(("Origin checking", "Referer checking"))
    if page in PUBLIC_PAGES and not is_foreign_address:
        return _form_again(request, text)
    context = {
        **dashboard.each_context(request),
        "title": "This form had expired",
        "explanation": text if text != EXPIRED else "",  # the title says that
        "base_url": settings.BASE_URL if is_foreign_address else "",
        "page": _page_of_form(request),
    }
    return render(request, "accounts/expired_form.html", context, status=403)


def _form_again(request: HttpRequest, text: str) -> HttpResponse:
    """Return the page of a public form as GET returns it, with a message."""
    assert request.resolver_match  # noqa: S101 - the caller has read it
    view, args, kwargs = request.resolver_match
    messages.error(request, text)
    request.method = "GET"
    response: HttpResponse = view(request, *args, **kwargs)
    if response.status_code == 200:
        response.status_code = 403
    return response


def _page_of_form(request: HttpRequest) -> str:
    """Return the path of the page from which the form was submitted, or that of the dashboard if it is unknown."""
    referrer = request.headers.get("Referer", "")
    if not url_has_allowed_host_and_scheme(referrer, allowed_hosts={request.get_host()}):
        return reverse("admin:index")
    parts = urlsplit(referrer)
    path = f"/{parts.path.lstrip('/')}"  # a path that begins with // would lead to another host
    return f"{path}?{parts.query}" if parts.query else path
