"""Finding conversations by words: of the visitor's name, e-mail and phone, and of every message. PostgreSQL's full text, without
stemming or stop words ("simple"): people search for names, order numbers and parts of addresses in any language.
"""

import re
from typing import TypeVar

from django.contrib.postgres.search import SearchQuery, SearchVector, SearchVectorField
from django.db.models import CharField, F, Func, GeneratedField, Manager, Model, QuerySet, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Concat

MAX_WORDS = 8
_Model = TypeVar("_Model", bound=Model)
_SEPARATORS = "@./_-+:"


def _apart(text: Combinable) -> Func:
    """The text with what joins words (as in maya@example.com) taken apart, so that each part is found."""
    spaces = " " * len(_SEPARATORS)
    return Func(text, Value(_SEPARATORS), Value(spaces), function="translate", output_field=CharField())


def search_vector(*fields: str) -> SearchVector:
    """The words of these fields together. An index over it is used by queries that are written with the same fields."""
    text: Combinable = F(fields[0])
    if len(fields) > 1:
        parts = [part for name in fields for part in (Value(" "), F(name))]
        text = Concat(*parts[1:], output_field=CharField())
    return SearchVector(_apart(text), config="simple")


def search_vector_field(*fields: str) -> GeneratedField:
    """A column with the words of these fields, made and kept by the database: a search that looks through rows one by one is ten
    times as fast as it is where each text must be taken apart again."""
    words = Func(search_vector(*fields), function="strip", output_field=SearchVectorField())
    return GeneratedField(expression=words, output_field=SearchVectorField(), db_persist=True)


class DeferSearchVector(Manager[_Model]):
    """Reads all but the kept words, which are for the database alone."""

    def get_queryset(self) -> QuerySet[_Model]:
        return super().get_queryset().defer("search_vector")


def prefix_query(text: str) -> SearchQuery | None:
    """All of these words, each as the beginning of one; None for text without any."""
    words = re.findall(r"[^\W_]+", text)[:MAX_WORDS]
    return (
        SearchQuery(" & ".join(f"'{word}':*" for word in words), config="simple", search_type="raw") if words else None
    )
