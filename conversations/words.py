"""The words of a text, in the forms that a search compares. Stored texts and searches are split by the same code.

1. Letters are compared without case and marks (Łukasz = lukasz, الطَّلَب = الطلب), and digits of all scripts as digits. ä, ö, ü, å
   and ø are compared in both common spellings: Köln = koln = koeln.
2. Words that an apostrophe or a hyphen joins are also one word: O'Brien = obrien. So are groups of digits: 601 000 111 =
   601-000-111 = 601000111. A telephone number is found with and without its country code and its leading zero.
3. Scripts without spaces between words, such as Chinese, Japanese and Thai, can be split into words only with a dictionary. They
   are stored as pairs of neighbouring characters. So is Korean, because of its compounds.

A search finds a word by its beginning. So each part of a joined word is stored together with the parts that follow it.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from conversations.letters import SPELLINGS, SPELT_MARKS, UNSPACED, fold

MAX_LENGTH = 40  # characters of a word that are stored and compared
MAX_JOINED = 8  # parts of a joined word
PHONE_DIGITS = 7  # a number with so many digits may be a telephone number

_SEPARATORS = r"\x00-/:-@\[-`{-\x7f"
_PART = re.compile(rf"[^{_SEPARATORS}{UNSPACED}]+|[{UNSPACED}]+")
_UNSPACED = re.compile(f"[{UNSPACED}]")
_FIRST_UNSPACED = UNSPACED[0]
_JOINERS = {"'", "`", "-"}
_BETWEEN_DIGITS = re.compile(r"[ .,()/-]{1,3}")
_DIGITS_IN_WORD = re.compile(r"(?<=[^0-9])[0-9]{3,}")  # 77123 in a77123
_COUNTRY_CODE = re.compile(r"[17]|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|[0-9]{3}")  # of ITU-T E.164

Span = tuple[int, int]  # start and end of a piece of a text


class Part(NamedTuple):
    """A word between two separators, or a run of characters of a script without spaces."""

    text: str
    start: int  # in the original text
    end: int
    is_unspaced: bool
    joins_next: bool
    has_plus: bool  # a plus sign precedes it, as in an international telephone number

    @property
    def is_plain(self) -> bool:
        """Whether the word has no other form than its own."""
        return not (self.joins_next or self.is_unspaced) and self.text.isalpha()


def words_of(text: str) -> set[str]:
    """Return all forms of all words of a text."""
    parts = split_parts(text)
    words: set[str] = set()
    for texts in spellings(parts):
        for index, part in enumerate(parts):
            if part.is_plain:
                words.add(texts[index][:MAX_LENGTH])
            else:
                words.update(form for form, _ in _forms(parts, texts, index))
    return words


def find_beginnings(text: str, beginnings: tuple[str, ...]) -> list[Span]:
    """Return start and end, in Unicode's normalization form C of the text, of each word that has one of these beginnings.

    Of a joined word, it is the parts that have the beginning, and in a script without spaces exactly its characters.
    """
    parts = split_parts(text)
    return [
        _span(parts, texts, index, skipped, max(len(each) for each in beginnings if form.startswith(each)))
        for texts in spellings(parts)
        for index in range(len(parts))
        for form, skipped in _forms(parts, texts, index)
        if form.startswith(beginnings)
    ]


def split_parts(text: str) -> list[Part]:
    """Split a text at its separators. The texts of the parts are folded, but not yet spelt."""
    folded, positions = fold(text)
    matches = list(_PART.finditer(folded))
    texts = [match[0] for match in matches]
    spans = [match.span() for match in matches]
    are_unspaced = [text[0] >= _FIRST_UNSPACED and _UNSPACED.match(text) is not None for text in texts]
    are_joined = [
        _are_joined(texts[index], folded[spans[index][1] : spans[index + 1][0]], texts[index + 1])
        and not (are_unspaced[index] or are_unspaced[index + 1])
        for index in range(len(texts) - 1)
    ]
    return [
        Part(
            text,
            positions[start],
            positions[end - 1] + 1,
            is_unspaced,
            joins_next,
            start > 0 and folded[start - 1] == "+",
        )
        for text, (start, end), is_unspaced, joins_next in zip(
            texts, spans, are_unspaced, [*are_joined, False], strict=False
        )
    ]


def spellings(parts: Sequence[Part]) -> list[list[str]]:
    """Return the texts of the parts without marks and, if there are marks that are also spelt as letters, with these letters."""
    texts = "\n".join(part.text for part in parts)  # faster to translate than one by one
    if not any(mark in texts for mark in SPELT_MARKS):
        return [texts.split("\n")]
    return [texts.translate(spelling).split("\n") for spelling in SPELLINGS]


def joined_text(parts: Sequence[Part], texts: Sequence[str], first: int) -> str:
    """Return the word that the part at `first` forms with the parts that are joined to it."""
    last = last_joined(parts, first)
    return (texts[first] if last == first else "".join(texts[first : last + 1]))[:MAX_LENGTH]


def last_joined(parts: Sequence[Part], first: int) -> int:
    """Return the index of the last part of the word that begins with the part at `first`."""
    last = first
    while parts[last].joins_next and last - first < MAX_JOINED - 1:
        last += 1
    return last


def without_prefixes(whole: str, first: str, *, has_plus: bool) -> list[str]:
    """Return a telephone number without its international prefix, its country code, its leading zero; [] for other words.

    first: the first part of the word `whole`.
    """
    number = re.match(r"[0-9]+", whole) if first.isdecimal() else None
    if number is None or len(number[0]) < PHONE_DIGITS:
        return []
    return [whole[length:] for length in _prefix_lengths(number[0], has_plus=has_plus)]


def _span(parts: Sequence[Part], texts: Sequence[str], first: int, skipped: int, length: int) -> Span:
    """Return the span of the first `length` characters of a form that skips some characters of the part at `first`."""
    part = parts[first]
    if part.is_unspaced:
        start = part.start + skipped
        is_aligned = part.end - part.start == len(part.text)  # no character stands for several
        return (start, min(start + length, part.end)) if is_aligned else (part.start, part.end)
    reached, last = len(texts[first]) - skipped, first
    while reached < length and parts[last].joins_next:
        last += 1
        reached += len(texts[last])
    return part.start, parts[last].end


def _forms(parts: Sequence[Part], texts: Sequence[str], index: int) -> list[tuple[str, int]]:
    """Return the forms in which the word that begins with a part is stored, each with the number of characters that it skips."""
    part, text = parts[index], texts[index]
    if part.is_unspaced:  # the last character too, so that each character is the beginning of a form
        return [(text[start : start + 2], start) for start in range(len(text))]
    whole = joined_text(parts, texts, index)
    forms = [(whole, 0)]
    if not text.isalpha():
        forms += [(whole[match.start() :], match.start()) for match in _DIGITS_IN_WORD.finditer(text[:MAX_LENGTH])]
        shorter = without_prefixes(whole, text, has_plus=part.has_plus)
        forms += [(form, len(whole) - len(form)) for form in shorter]
    return forms


def _prefix_lengths(number: str, *, has_plus: bool) -> list[int]:
    """Return the lengths of the international prefix, of the country code and of the leading zero, each with those before it."""
    without_zeros = number.lstrip("0")
    lengths = {len(number) - len(without_zeros)}
    code = _COUNTRY_CODE.match(without_zeros) if has_plus or number.startswith("00") else None
    if code:
        lengths.add(len(number) - len(without_zeros[code.end() :].lstrip("0")))
    return sorted(lengths - {0, len(number)})


def _are_joined(before: str, between: str, after: str) -> bool:
    if between in _JOINERS:
        return True
    are_digits = before.isdecimal() and after.isdecimal()
    return are_digits and _BETWEEN_DIGITS.fullmatch(between) is not None
