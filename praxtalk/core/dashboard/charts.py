"""Plain charts, drawn on the server as SVG of attributes only: the policy forbids styles in a page. Readable without colour."""

from collections.abc import Sequence

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

WIDTH, HEIGHT = 600, 160
TOP, BOTTOM = 16, 20
GAP = 0.25  # of a bar's place


def bars(title: str, labels: Sequence[str], values: Sequence[int]) -> SafeString:
    """A bar for each value, with its number in its tooltip; the largest number and the first and last label stand beside."""
    place = WIDTH / max(len(values), 1)
    largest = max([*values, 1])
    room = HEIGHT - TOP - BOTTOM
    drawn = format_html_join(
        "",
        '<rect class="bar" x="{}" y="{}" width="{}" height="{}"><title>{}: {}</title></rect>',
        (
            (
                f"{index * place + place * GAP / 2:.1f}",
                f"{TOP + room * (1 - value / largest):.1f}",
                f"{place * (1 - GAP):.1f}",
                f"{room * value / largest:.1f}",
                label,
                value,
            )
            for index, (label, value) in enumerate(zip(labels, values, strict=True))
        ),
    )
    return format_html(
        '<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">'
        '<line x1="0" y1="{}" x2="{}" y2="{}"/><line x1="0" y1="{}" x2="{}" y2="{}"/>{}'
        '<text x="0" y="{}">{}</text><text x="0" y="{}">{}</text><text x="{}" y="{}" text-anchor="end">{}</text></svg>',
        *(WIDTH, HEIGHT, f"{title}: {sum(values)} in all, at most {max([*values, 0])} a day"),
        *(TOP, WIDTH, TOP, HEIGHT - BOTTOM, WIDTH, HEIGHT - BOTTOM, drawn),
        *(TOP - 4, largest, HEIGHT - 4, labels[0] if labels else "", WIDTH, HEIGHT - 4, labels[-1] if labels else ""),
    )
