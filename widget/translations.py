"""The widget's texts in the visitor's language. Each language has a file in locales/."""

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
    """Return the supported language for a browser's `navigator.language` (BCP 47), such as "de" for "de-AT"."""
    language = locale.replace("_", "-").split("-")[0].lower()
    return language if language in languages() else DEFAULT


@cache
def languages() -> frozenset[str]:
    return frozenset(path.stem for path in FOLDER.glob("*.json"))


@cache
def texts_in(language: str) -> dict[str, str]:
    """Return the texts of a language by key. The browser replaces placeholders in braces."""
    texts: dict[str, str] = json.loads((FOLDER / f"{language}.json").read_text(encoding="utf-8"))
    return texts


def texts_of(brand: Brand, language: str) -> dict[str, str]:
    """Return the texts of a language, with the brand's own texts in place of the defaults."""
    texts = texts_in(language)
    own: dict[str, str] = brand.texts.get(language, {})
    greeting = {"greeting": brand.greeting} if brand.greeting else {}
    return texts | greeting | {key: text for key, text in own.items() if key in texts}


def missing_placeholders(key: str, language: str, text: str) -> set[str]:
    """Return the placeholders of the default text, such as {time}, that the brand's own text lacks."""
    return set(PLACEHOLDER.findall(texts_in(language)[key])) - set(PLACEHOLDER.findall(text))
