"""Charts as SVG, rendered on the server and readable without colour.

They use attributes only, because the Content-Security-Policy forbids inline styles.
"""

from collections.abc import Sequence

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

WIDTH, HEIGHT = 600, 160
TOP, BOTTOM = 16, 20
GAP = 0.25  # as a fraction of the distance between the bars' centres


def bars(title: str, labels: Sequence[str], values: Sequence[int]) -> SafeString:
    """Return an SVG bar chart with one bar per value, whose tooltip shows the label and the value.

    Text shows the largest value, and the first and the last label. If all values are 0, it says so instead.
    """
    slot_width = WIDTH / max(len(values), 1)
    largest = max([*values, 1])
    scale = str(largest) if any(values) else "None in this period"
    plot_height = HEIGHT - TOP - BOTTOM
    rects = format_html_join(
        "",
        '<rect class="bar" x="{}" y="{}" width="{}" height="{}"><title>{}: {}</title></rect>',
        (
            (
                f"{index * slot_width + slot_width * GAP / 2:.1f}",
                f"{TOP + plot_height * (1 - value / largest):.1f}",
                f"{slot_width * (1 - GAP):.1f}",
                f"{plot_height * value / largest:.1f}",
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
        *(WIDTH, HEIGHT, f"{title}: {sum(values)} in total, at most {max([*values, 0])} per day"),
        *(TOP, WIDTH, TOP, HEIGHT - BOTTOM, WIDTH, HEIGHT - BOTTOM, rects),
        *(TOP - 4, scale, HEIGHT - 4, labels[0] if labels else "", WIDTH, HEIGHT - 4, labels[-1] if labels else ""),
    )
