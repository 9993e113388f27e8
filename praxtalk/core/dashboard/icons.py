"""The dashboard's icons: those of Lucide (https://lucide.dev, ISC licence) that it uses, in one sprite.

`make icons` writes the sprite anew after a change of ICONS. Templates show an icon with `{% icon "inbox" %}`.
"""

import re
import zipfile
from importlib.resources import files
from pathlib import Path

SPRITE = Path(__file__).resolve().parents[3] / "static/dashboard/icons.svg"

ICONS = (
    *("inbox", "users", "user-round", "user-plus", "contact", "chart-column", "message-square-text", "tag", "store"),
    *("plug", "users-round", "scroll-text", "settings", "ellipsis", "sun", "moon", "monitor", "log-out", "panel-left"),
    *("search", "x", "check", "chevron-down", "chevron-right", "arrow-left", "plus", "trash-2", "download", "upload"),
    *(
        "copy",
        "external-link",
        "triangle-alert",
        "circle-alert",
        "circle-check",
        "info",
        "clock",
        "alarm-clock",
        "bell",
    ),
    *("paperclip", "smile", "send", "reply", "sticky-note", "mail", "globe", "phone", "code", "circle-dot"),
    *("circle-slash", "archive", "eye", "eye-off", "pencil", "link", "sparkles", "list-filter", "arrow-down-up"),
    *(
        "keyboard",
        "bold",
        "italic",
        "list",
        "quote",
        "image",
        "file-text",
        "refresh-cw",
        "lock",
        "key-round",
        "webhook",
    ),
    *("message-circle", "party-popper", "hand", "circle-user-round"),
)


def main() -> None:
    """Write the sprite. Needs the package `lucide`, which is installed for development only."""
    archive = files("lucide") / "lucide.zip"
    with archive.open("rb") as stream, zipfile.ZipFile(stream) as icons:
        symbols = [_symbol(name, icons.read(f"{name}.svg").decode()) for name in sorted(ICONS)]
    licence = "<!-- Icons of Lucide, https://lucide.dev/license, ISC licence -->"
    SPRITE.write_text(
        "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg">{licence}', *symbols, "</svg>", ""]), encoding="utf-8"
    )


def _symbol(name: str, svg: str) -> str:
    inner = svg[svg.index(">", svg.index("<svg")) + 1 : svg.rindex("</svg>")]
    shapes = re.sub(r"\s+", " ", inner).replace("> <", "><").strip()
    return f'<symbol id="{name}" viewBox="0 0 24 24">{shapes}</symbol>'


if __name__ == "__main__":
    main()
