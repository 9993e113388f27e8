"""The widget's sentences in the visitor's language: one file a language in locales/."""

import json
from functools import cache
from pathlib import Path

DEFAULT = "en"
RIGHT_TO_LEFT = {"ar"}
FOLDER = Path(__file__).parent / "locales"


def language_of(locale: str) -> str:
    """The language among ours for a browser's `navigator.language` (BCP 47), such as "de" for "de-AT"."""
    language = locale.replace("_", "-").split("-")[0].lower()
    return language if language in languages() else DEFAULT


@cache
def languages() -> frozenset[str]:
    return frozenset(path.stem for path in FOLDER.glob("*.json"))


@cache
def texts_in(language: str) -> dict[str, str]:
    """Key to sentence; braces stand for what the browser puts in."""
    texts: dict[str, str] = json.loads((FOLDER / f"{language}.json").read_text(encoding="utf-8"))
    return texts
