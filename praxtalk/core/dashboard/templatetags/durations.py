from django import template

register = template.Library()
UNITS = ((86_400, "d"), (3600, "h"), (60, "min"))


@register.filter
def duration(seconds: float | str | None) -> str:
    """Format seconds with at most two units, the largest first, for example "3 h 20 min".

    Less than a second is "under 1 s". Returns a dash for None, and for any string: templates pass a missing value as "".
    """
    if seconds is None or isinstance(seconds, str):
        return "–"
    rest, parts = round(seconds), list[str]()
    for size, unit in UNITS:
        if rest >= size and len(parts) < 2:
            parts.append(f"{rest // size} {unit}")
            rest %= size
        elif parts:
            break
    return " ".join(parts) or (f"{rest} s" if rest else "under 1 s")
