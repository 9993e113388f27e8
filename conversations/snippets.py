"""The part of a message that a list of search results shows, with the words that were found."""

import unicodedata
from itertools import pairwise
from typing import TypedDict

from conversations.search_query import TextQuery
from conversations.words import Span

LENGTH = 120  # characters
BEFORE = 24  # characters before the first word that was found, so few that a narrow list shows that word
MAX_STARTS = 50  # words that are compared as the first one


class SnippetPart(TypedDict):
    text: str
    marked: bool  # whether the search found it


def snippet(text: str, query: TextQuery) -> list[SnippetPart]:
    """Return about LENGTH characters of the text, those with the most of what the query finds, as parts."""
    text = " ".join(unicodedata.normalize("NFC", text).split())
    spans = query.find(text)
    start, end = _bounds(text, spans)
    edges = [position for span in spans for position in span if start < position < end]
    positions = [start, *edges, end]
    parts: list[SnippetPart] = [
        {"text": text[first:last], "marked": any(begin <= first < finish for begin, finish in spans)}
        for first, last in pairwise(positions)
    ]
    ellipsis: SnippetPart = {"text": "…", "marked": False}
    return [*([ellipsis] if start else []), *parts, *([ellipsis] if end < len(text) else [])]


def _bounds(text: str, spans: list[Span]) -> Span:
    if len(text) <= LENGTH:
        return 0, len(text)
    starts = [begin for begin, _ in spans[:MAX_STARTS]]
    first = max(starts, key=lambda start: _marked_length(spans, start, start + LENGTH - BEFORE), default=0)
    start = _word_start(text, max(0, first - BEFORE), first)
    return start, _character_start(text, start + LENGTH)


def _marked_length(spans: list[Span], start: int, end: int) -> int:
    return sum(min(finish, end) - begin for begin, finish in spans if start <= begin < end)


def _word_start(text: str, earliest: int, latest: int) -> int:
    """Return the start of the first word between two positions, or else of the first character."""
    space = text.find(" ", earliest, latest) if earliest else -1
    return _character_start(text, earliest) if space < 0 else space + 1


def _character_start(text: str, position: int) -> int:
    """Return the position, or the next one that is not within a character and its marks."""
    while 0 < position < len(text) and unicodedata.category(text[position]).startswith("M"):
        position += 1
    return min(position, len(text))
