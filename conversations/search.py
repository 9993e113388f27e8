"""Full-text search of conversations: in the visitor's name, e-mail address and phone number, and in every message.

It uses PostgreSQL's "simple" configuration, which has no stemming and no stop words, because people search for names, order
numbers and parts of addresses in any language.
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


def _separate_words(text: Combinable) -> Func:
    """Replace characters that join words (as in maya@example.com) by spaces, so that a search finds each part."""
    spaces = " " * len(_SEPARATORS)
    return Func(text, Value(_SEPARATORS), Value(spaces), function="translate", output_field=CharField())


def search_vector(*fields: str) -> SearchVector:
    """Return the search vector of these fields together. PostgreSQL uses an index on it only for queries on the same fields."""
    text: Combinable = F(fields[0])
    if len(fields) > 1:
        parts = [part for name in fields for part in (Value(" "), F(name))]
        text = Concat(*parts[1:], output_field=CharField())
    return SearchVector(_separate_words(text), config="simple")


def search_vector_field(*fields: str) -> GeneratedField:
    """Return a column with the search vector of these fields, which the database generates and stores.

    A search that scans rows one by one is ten times as fast with this column as when it parses each text again.
    """
    words = Func(search_vector(*fields), function="strip", output_field=SearchVectorField())
    return GeneratedField(expression=words, output_field=SearchVectorField(), db_persist=True)


class DeferSearchVectorManager(Manager[_Model]):
    """A manager that does not load `search_vector`, which only the database uses."""

    def get_queryset(self) -> QuerySet[_Model]:
        return super().get_queryset().defer("search_vector")


def prefix_query(text: str) -> SearchQuery | None:
    """Return a query that matches all words of the text as prefixes; None if it has none. Words after MAX_WORDS are ignored."""
    words = re.findall(r"[^\W_]+", text)[:MAX_WORDS]
    return (
        SearchQuery(" & ".join(f"'{word}':*" for word in words), config="simple", search_type="raw") if words else None
    )
