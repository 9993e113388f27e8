"""Finding conversations by words: of the visitor's name, e-mail and phone, and of every message. PostgreSQL's full text, without
stemming or stop words ("simple"): people search for names, order numbers and parts of addresses in any language.
"""

import re

from django.contrib.postgres.search import SearchQuery, SearchVector
from django.db.models import CharField, F, Func, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Concat

MAX_WORDS = 8
_SEPARATORS = "@./_-+:"


def _apart(text: Combinable) -> Func:
    """The text with what joins words (as in maya@example.com) taken apart, so that each part is found."""
    spaces = " " * len(_SEPARATORS)
    return Func(text, Value(_SEPARATORS), Value(spaces), function="translate", output_field=CharField())


def visitor_words(path: str = "") -> SearchVector:
    """The words by which a visitor is found."""
    fields = [F(f"{path}{name}") for name in ("name", "email", "phone")]
    text = Concat(fields[0], Value(" "), fields[1], Value(" "), fields[2], output_field=CharField())
    return SearchVector(_apart(text), config="simple")


def body_words() -> SearchVector:
    """The words of a message."""
    return SearchVector(_apart(F("body")), config="simple")


def words_query(text: str) -> SearchQuery | None:
    """All of these words, each as the beginning of one; None for text without any."""
    words = re.findall(r"[^\W_]+", text)[:MAX_WORDS]
    return (
        SearchQuery(" & ".join(f"'{word}':*" for word in words), config="simple", search_type="raw") if words else None
    )
