"""The configuration that widget.js fetches before the visitor opens the widget: appearance, language, business hours."""

from typing import Any

from brands.models import Brand
from widget.thread import open_status_json, open_status_of
from widget.translations import RIGHT_TO_LEFT, language_of, texts_of


def configuration_json(brand: Brand, locale: str) -> dict[str, Any]:
    """Return the brand's configuration as JSON values. locale: the browser's `navigator.language`."""
    language = language_of(locale)
    texts = texts_of(brand, language)
    return {
        "brand": {"name": brand.name, "color": brand.primary_color},
        "side": brand.side,
        "greeting": texts["greeting"],
        "privacyUrl": brand.privacy_url or None,
        "locale": language,
        "dir": "rtl" if language in RIGHT_TO_LEFT else "ltr",
        **open_status_json(open_status_of(brand)),
        "texts": {key: text for key, text in texts.items() if key != "greeting" and not key.startswith("mail")},
    }
