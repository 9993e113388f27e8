"""Template filters of the lists of Django's admin."""

from typing import Any

from django import template
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import capfirst

register = template.Library()


@register.filter
def with_labels(cells: list[Any], headers: list[dict[str, Any]]) -> SafeString:
    """Return the cells of a row as HTML. Each <td> gets its column's name, which phones show beside the value."""
    labelled = []
    for cell, header in zip(cells, headers, strict=False):
        html, text = str(conditional_escape(cell)), str(header.get("text", ""))
        if html.startswith("<td") and header.get("sortable") is not None and "action-checkbox" not in html:
            html = format_html('<td data-label="{}"', capfirst(text)) + html.removeprefix("<td")
        labelled.append(html)
    return mark_safe("".join(labelled))  # noqa: S308 - the admin has escaped the cells, and format_html the labels


@register.filter
def chosen(choices: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the selected choice of a list's filter, or None if it is "All", which is the first."""
    return next((choice for choice in choices[1:] if choice["selected"]), None)
