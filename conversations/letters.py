"""Letters and digits as a search compares them: without case, without marks, and with separators that are all ASCII.

PostgreSQL has an extension for this, `unaccent`, but not every server offers it, and it does not know the letters of all scripts.
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate

# Letters that Unicode does not decompose, and Arabic letters that are typed for each other.
_LETTERS = str.maketrans(
    {"ł": "l", "đ": "d", "ð": "d", "ħ": "h", "ŧ": "t", "ı": "i", "ĸ": "k", "ŋ": "n", "æ": "ae", "œ": "oe", "þ": "th"}
    | {"ø": "o\ue000", "ى": "ي", "ی": "ي", "ک": "ك", "ة": "ه", "ٱ": "ا", "ـ": ""}
)
# Marks that are also spelt as a letter become private characters until the spelling is chosen: none, or that letter.
_SPELT_MARKS = {"a\u0308": "\ue000", "o\u0308": "\ue000", "u\u0308": "\ue000", "a\u030a": "\ue001"}
SPELT_MARKS = "\ue000\ue001"
SPELLINGS = (str.maketrans("", "", SPELT_MARKS), str.maketrans({"\ue000": "e", "\ue001": "a"}))
# Character ranges of the scripts that are written without spaces: Thai to Tibetan, Burmese, Hangul, Khmer, Tai, kana, Han.
UNSPACED = (
    "\u0e00-\u0fff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u1950-\u19ff\u1a20-\u1aaf\u3005-\u3007\u3040-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff\ua9e0-\ua9ff\uaa60-\uaadf\uac00-\ud7ff\uf900-\ufaff\U0001b000-\U0001b16f\U00020000-\U0003ffff"
)
_APOSTROPHES = "’‘ʼ´"
_VOICED_KANA = re.compile("[\uff66-\uff9d][\uff9e\uff9f]|.", re.DOTALL)  # of half width: two characters for one letter
_HALF_WIDTH = re.compile("[\uff9e\uff9f]")


def fold(text: str) -> tuple[str, Sequence[int]]:
    """Return comparable letters and digits with ASCII separators, and the position of each of these characters in the text.

    The positions are those in Unicode's normalization form C of the text.
    """
    if text.isascii():
        return text.lower(), range(len(text))
    text = unicodedata.normalize("NFC", text)
    characters = _VOICED_KANA.findall(text) if _HALF_WIDTH.search(text) else text
    folded = [_fold_character(character) for character in characters]
    starts = accumulate((len(character) for character in characters), initial=0)
    return "".join(folded), [start for start, letters in zip(starts, folded, strict=False) for _ in letters]


@lru_cache(20_000)
def _fold_character(character: str) -> str:
    if character in _APOSTROPHES:
        return "'"
    if unicodedata.category(character[0]) == "Co":
        return "\n"
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", character).casefold())
    folded = ""
    for each in decomposed.translate(_LETTERS):
        kind = unicodedata.category(each)
        if kind == "Nd":
            folded += str(unicodedata.decimal(each))
        elif kind in ("Mn", "Me"):
            folded += _SPELT_MARKS.get(folded[-1:] + each, "" if _is_ignored(each) else each)
        elif kind[0] in "LNM" or each.isascii() or each == "\ue000":
            folded += each
        elif kind != "Cf":  # such as a soft hyphen, or a mark of direction
            folded += "-" if kind == "Pd" else "\n"
    return unicodedata.normalize("NFC", folded)


def _is_ignored(mark: str) -> bool:
    """Return whether words that differ only in this mark are the same, as with accents and the vowel points of Arabic and Hebrew.

    Vowels of the Indic scripts and of Thai are marks too, and so are the voicing marks of kana. Words that differ there differ.
    """
    is_variation_selector = "\ufe00" <= mark <= "\ufe0f" or mark >= "\U000e0100"
    combining = unicodedata.combining(mark)
    is_accent_or_point = combining == 7 or 10 <= combining <= 36 or combining >= 200
    return is_accent_or_point or is_variation_selector or unicodedata.category(mark) == "Me"
