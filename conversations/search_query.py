"""What somebody has typed into a search box, as a query for PostgreSQL and for texts in Python."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from conversations.words import (
    Part,
    Span,
    find_beginnings,
    joined_text,
    last_joined,
    spellings,
    split_parts,
    without_prefixes,
)

MAX_WORDS = 8
MAX_PAIRS = 20  # neighbouring characters that are compared of one word in a script without spaces
MIN_PART = 2  # a shorter part of a joined word, such as the O of O'Brien, is not searched by itself


class Term(NamedTuple):
    text: str
    is_whole: bool = False  # otherwise it is the beginning of a word

    def as_tsquery(self) -> str:
        return f"'{self.text}'" if self.is_whole else f"'{self.text}':*"

    def occurs_in(self, words: Collection[str]) -> bool:
        return self.text in words if self.is_whole else any(word.startswith(self.text) for word in words)


Terms = tuple[Term, ...]


@dataclass(frozen=True)
class TextQuery:
    """A text matches if it has each of the words. A word has alternatives; a text must have all terms of one of them."""

    words: tuple[tuple[Terms, ...], ...]

    def as_tsquery(self) -> str:
        """Return the query in the syntax of PostgreSQL's type `tsquery`. A term has no character that is special in it."""
        return _joined(" & ", (_joined(" | ", (_all(terms) for terms in word)) for word in self.words))

    def matches(self, words: Collection[str]) -> bool:
        """Return whether a text with these words (see `words_of`) matches."""
        return all(any(all(term.occurs_in(words) for term in terms) for terms in word) for word in self.words)

    def find(self, text: str) -> list[Span]:
        """Return the start and the end of each place in a text that has a term. The text is in Unicode's normalization form C."""
        beginnings = tuple({term.text for word in self.words for terms in word for term in terms})
        return list(_merged(sorted(find_beginnings(text, beginnings))))


def parse_query(text: str) -> TextQuery | None:
    """Return the query for a text; None if the text has no word. Words after MAX_WORDS are ignored."""
    parts = split_parts(text)
    texts_by_spelling = spellings(parts)
    words: list[tuple[Terms, ...]] = []
    first = 0
    while first < len(parts) and len(words) < MAX_WORDS:
        last = last_joined(parts, first)
        alternatives = [terms for texts in texts_by_spelling for terms in _alternatives(parts, texts, first, last)]
        words.append(tuple(dict.fromkeys(alternatives)))
        first = last + 1
    return TextQuery(tuple(words)) if words else None


def _alternatives(parts: Sequence[Part], texts: Sequence[str], first: int, last: int) -> Iterator[Terms]:
    """Yield what a text must have for the word that consists of these parts: the word, or each of its parts."""
    part, text = parts[first], texts[first]
    if part.is_unspaced:
        pairs = [text[start : start + 2] for start in range(min(len(text) - 1, MAX_PAIRS))]
        yield tuple(Term(pair, is_whole=True) for pair in pairs) or (Term(text),)
        return
    whole = joined_text(parts, texts, first)
    yield (Term(whole),)
    for form in without_prefixes(whole, text, has_plus=part.has_plus):
        yield (Term(form),)
    if last > first:
        each = texts[first : last + 1]
        yield tuple(Term(part) for part in each if len(part) >= MIN_PART) or tuple(map(Term, each))


def _joined(operator: str, queries: Iterable[str]) -> str:
    found = list(queries)
    return found[0] if len(found) == 1 else f"({operator.join(found)})"


def _all(terms: Terms) -> str:
    return _joined(" & ", (term.as_tsquery() for term in terms))


def _merged(spans: Iterable[Span]) -> Iterator[Span]:
    """Yield sorted spans, those that overlap or touch as one."""
    current: Span | None = None
    for start, end in spans:
        if current and start <= current[1]:
            current = current[0], max(current[1], end)
        else:
            if current:
                yield current
            current = start, end
    if current:
        yield current
