"""The part of a message that a list of search results shows, with the words that were found."""

import unicodedata
from itertools import pairwise
from typing import TypedDict

from conversations.search_query import TextQuery
from conversations.words import Span

LENGTH = 120  # characters
BEFORE = 24  # characters before the first word that was found, so few that a narrow list shows that word
PIECE = 2_000  # characters that are searched at once, because a page shows up to a hundred messages
MAX_STARTS = 50  # words that are compared as the first one


class SnippetPart(TypedDict):
    text: str
    marked: bool  # whether the search found it


def snippet(text: str, query: TextQuery) -> list[SnippetPart]:
    """Return about LENGTH characters of the text, those with the most of what the query finds, as parts.

    Of a long text, it is the first PIECE in which the query finds anything.
    """
    text = " ".join(unicodedata.normalize("NFC", text).split())
    offset, spans = _find_first(text, query)
    piece = text[offset : offset + PIECE]
    start, end = _bounds(piece, spans)
    edges = [position for span in spans for position in span if start < position < end]
    parts: list[SnippetPart] = [
        {"text": piece[first:last], "marked": any(begin <= first < finish for begin, finish in spans)}
        for first, last in pairwise([start, *edges, end])
    ]
    ellipsis: SnippetPart = {"text": "…", "marked": False}
    return [
        *([ellipsis] if offset + start else []),
        *parts,
        *([ellipsis] if offset + end < len(text) else []),
    ]


def _find_first(text: str, query: TextQuery) -> tuple[int, list[Span]]:
    """Return the start of the first piece in which the query finds anything, and what it finds there.

    Pieces overlap by LENGTH, so that one of them has the whole of what is shown.
    """
    start, advance = 0, PIECE - LENGTH
    while True:
        spans = query.find(text[start : start + PIECE])
        is_last = start + PIECE >= len(text)
        if spans and (is_last or spans[0][0] <= advance):
            return start, spans
        if is_last:
            return 0, []
        start = _word_start(text, start + advance, start + PIECE)


def _bounds(text: str, spans: list[Span]) -> Span:
    """Return start and end of what is shown. It starts shortly before what was found, even if the text is short."""
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
