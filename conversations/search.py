"""The columns that a search reads: the words of a row's texts, split by `conversations.words`.

PostgreSQL's own parser misses what people search for: it skips addresses in angle brackets, takes a Chinese sentence for one
word, and compares accents. So the application computes the words. It stores them so that no writer of a text can forget them:

1. A row that Django inserts gets its words at once.
2. `words_digest` identifies the texts from which the words were computed. A row is stale if it differs from the digest of its
   texts: after an UPDATE, or an INSERT in SQL, that did not write the words. An index contains only the stale rows.
3. A task calls `fill_words` every few seconds, which computes the words of the stale rows. Actions that change a searched text
   do not wait for it: they save WORDS_FIELDS too.
"""

import hashlib
from collections.abc import Iterable
from typing import Any, TypeVar
from uuid import UUID

from django.apps import apps
from django.contrib.postgres.search import SearchVectorField
from django.db import connection, transaction
from django.db.models import F, Func, Index, Lookup, Manager, Model, Q, QuerySet, UUIDField

from conversations.search_query import TextQuery, parse_query
from conversations.sql import SET_WORDS
from conversations.words import words_of

WORDS_FIELDS = ("words", "words_digest")
BATCH = 1000
# Raise it when `words_of` changes, and run `makemigrations`. Until they are filled, all rows keep their old words.
VERSION = 1
_Model = TypeVar("_Model", bound=Model)


class _FieldOfTexts:
    """A column that is computed from text fields of its row."""

    def __init__(self, *sources: str, **options: Any) -> None:
        self.sources = sources
        super().__init__(**options | {"null": True, "editable": False})

    def deconstruct(self) -> Any:
        name, path, _, options = super().deconstruct()  # type: ignore[misc]
        return name, path, self.sources, options

    def texts(self, row: Model) -> list[str]:
        return [getattr(row, source) for source in self.sources]


class WordsField(_FieldOfTexts, SearchVectorField):  # type: ignore[type-arg]
    """The words of the texts. Query it with `words__match`, whose value is a `TextQuery`."""

    def pre_save(self, model_instance: Model, add: bool) -> str:
        return search_vector(self.texts(model_instance))


class WordsDigestField(_FieldOfTexts, UUIDField):  # type: ignore[type-arg]
    """The digest of the texts from which the row's words were computed."""

    def pre_save(self, model_instance: Model, add: bool) -> UUID:
        return digest(self.texts(model_instance))


@WordsField.register_lookup
class Match(Lookup[TextQuery]):
    lookup_name = "match"

    def get_prep_lookup(self) -> str:
        query: TextQuery = self.rhs
        return query.as_tsquery()

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        column, column_parameters = self.process_lhs(compiler, connection)
        query, query_parameters = self.process_rhs(compiler, connection)
        return f"{column} @@ {query}::tsquery", [*column_parameters, *query_parameters]


class DeferWordsManager(Manager[_Model]):
    """A manager that does not load the words, which only the database uses."""

    def get_queryset(self) -> QuerySet[_Model]:
        return super().get_queryset().defer(*WORDS_FIELDS)


def search_rows(rows: QuerySet[_Model], text: str) -> QuerySet[_Model]:
    """Return the rows whose words match the text; all rows if it is blank, and none if it has no word."""
    query = parse_query(text)
    if query is None:
        return rows.none() if text.strip() else rows
    return rows.filter(words__match=query)


def search_vector(texts: Iterable[str]) -> str:
    """Return the words of the texts in the syntax of PostgreSQL's type `tsvector`."""
    return " ".join(f"'{word}'" for word in words_of("\n".join(texts)))


def digest(texts: Iterable[str]) -> UUID:
    text = "\n".join([str(VERSION), *texts])
    return UUID(hashlib.md5(text.encode(), usedforsecurity=False).hexdigest())


def is_stale(*sources: str) -> Q:
    """Return the condition for rows whose words were not computed from their present texts."""
    texts_digest = Func(
        *map(F, sources),
        arg_joiner=" || chr(10) || ",  # in alphabetical order, as in a migration: Django compares it
        template=f"md5('{VERSION}' || chr(10) || %(expressions)s)::uuid",
        output_field=UUIDField(),
    )
    return ~Q(words_digest=texts_digest)


def stale_words_index(*sources: str, name: str) -> Index:
    return Index(fields=["id"], condition=is_stale(*sources), name=name)


def fill_words(model: type[Model]) -> int:
    """Compute the words of up to BATCH stale rows, the newest first. Return their number. Skips rows that others have locked."""
    sources = model._meta.get_field("words").sources  # type: ignore[union-attr]
    with transaction.atomic():
        stale = model._base_manager.filter(is_stale(*sources)).order_by("-id")
        rows = list(stale.select_for_update(skip_locked=True, no_key=True).values_list("pk", *sources)[:BATCH])
        words = [search_vector(texts) for _, *texts in rows]
        digests = [digest(texts) for _, *texts in rows]
        if rows:
            with connection.cursor() as cursor:
                table = connection.ops.quote_name(model._meta.db_table)
                cursor.execute(SET_WORDS.format(table=table), [[pk for pk, *_ in rows], words, digests])
    return len(rows)


def searched_models() -> list[type[Model]]:
    return [model for model in apps.get_models() if any(isinstance(each, WordsField) for each in model._meta.fields)]
