"""E-mails in two forms, from two templates."""

from typing import Any

from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string


def templated_mail(
    template: str, context: dict[str, Any], *, subject: str, to: str, from_email: str | None = None
) -> EmailMultiAlternatives:
    """Return an e-mail in plain text and in HTML. template: the path of both templates, without .txt and .html."""
    mail = EmailMultiAlternatives(subject, render_to_string(f"{template}.txt", context), from_email, [to])
    mail.attach_alternative(render_to_string(f"{template}.html", {"subject": subject, **context}), "text/html")
    return mail
