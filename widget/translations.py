"""The widget's sentences in the visitor's language: one file a language in locales/."""

import json
import re
from functools import cache
from pathlib import Path

from brands.models import Brand

DEFAULT = "en"
PLACEHOLDER = re.compile(r"\{\w+\}")
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


def texts_of(brand: Brand, language: str) -> dict[str, str]:
    """The brand's own sentences where it has some, ours for the others."""
    texts = texts_in(language)
    own: dict[str, str] = brand.texts.get(language, {})
    greeting = {"greeting": brand.greeting} if brand.greeting else {}
    return texts | greeting | {key: text for key, text in own.items() if key in texts}


def missing_placeholders(key: str, language: str, text: str) -> set[str]:
    """What a text of the brand's own does not say, and ours does: {time}, say."""
    return set(PLACEHOLDER.findall(texts_in(language)[key])) - set(PLACEHOLDER.findall(text))
