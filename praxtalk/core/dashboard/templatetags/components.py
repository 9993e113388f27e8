"""Small parts of pages: icons, faces, times."""

from datetime import datetime
from typing import Any
from zlib import crc32

from django import template
from django.template.defaultfilters import date as format_date
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from praxtalk.core.dashboard.icons import ICONS

register = template.Library()

MINUTE, HOUR, DAY = 60, 3600, 86_400
FACE_HUES = 24


@register.simple_tag
def icon(name: str, label: str = "", size: str = "") -> SafeString:
    """Return an icon. label: its name for screen readers, if there is no text beside it. size: "large" for 20 px, else 16 px.

    Raises ValueError if ICONS does not contain the name.
    """
    if name not in ICONS:
        raise ValueError(f"Unknown icon: {name}. Add it to praxtalk/core/dashboard/icons.py.")
    described = format_html('role="img" aria-label="{}"', label) if label else format_html('aria-hidden="true"')
    return format_html(
        '<svg class="icon{}" {}><use href="{}#{}"/></svg>',
        f" {size}" if size else "",
        described,
        static("dashboard/icons.svg"),
        name,
    )


@register.simple_tag
def face(name: str, id: Any, size: int = 28) -> SafeString:
    """Return a circle with the initials of `name`, in a colour derived from the id. size: its diameter, 20, 28 or 36 pixels."""
    return format_html(
        '<svg class="face" viewBox="0 0 36 36" width="{0}" height="{0}" aria-hidden="true">'
        '<circle cx="18" cy="18" r="18" fill="{1}"/><text x="18" y="18" dominant-baseline="central">{2}</text></svg>',
        size,
        face_color(str(id)),
        initials(name),
    )


def face_color(id: str) -> str:
    """Return a colour on which white text is readable. static/dashboard/face.js computes the same."""
    return f"hsl({crc32(id.encode()) % FACE_HUES * 360 // FACE_HUES} 45% 32%)"


def initials(name: str) -> str:
    """Return the first letters of the first and the last word of the name, or "?" if it has none."""
    words = [word for word in name.split() if word[0].isalnum()]
    letters = [words[0][0], words[-1][0]] if len(words) > 1 else [word[0] for word in words]
    return "".join(letters).upper() or "?"


@register.filter
def relative_time(moment: datetime | None) -> SafeString | str:
    """Return a <time> element such as "5 min ago" or "12 Nov", with the exact time as its title. An en dash for None."""
    if not moment:
        return "–"
    local = timezone.localtime(moment)
    exact = f"{format_date(local, 'j F Y, H:i:s')} {timezone.get_current_timezone_name()}"
    return format_html(
        '<time datetime="{}" title="{}">{}</time>', local.isoformat(timespec="seconds"), exact, _relative_text(local)
    )


def _relative_text(local: datetime) -> str:
    now = timezone.localtime()
    seconds = (now - local).total_seconds()
    if 0 <= seconds < MINUTE:
        return "just now"
    if 0 <= seconds < HOUR:
        return f"{seconds // MINUTE:.0f} min ago"
    if 0 <= seconds < DAY:
        return f"{seconds // HOUR:.0f} h ago"
    return format_date(local, "j M" if local.year == now.year else "j M Y")
