"""Find the links in a text. static/shared/markup/links.js implements the same rules, and explains them."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

MAX_HOST_LENGTH = 253
MAX_PHONE_DIGITS = 15  # E.164
MIN_PHONE_DIGITS = 8  # shorter ones are more often amounts
START = re.compile(
    r"(?<![a-z0-9])(?P<scheme>https?://)"
    r"|(?<![\w.@-])(?P<www>www\.)"
    r"|(?<![a-z0-9.+@/\u00c0-\u0dff-])(?P<mail>(?:mailto:)?[a-z0-9][\w.+-]{0,63}@)"
    r"|(?<![\w+])(?:tel:)?(?P<phone>\+[1-9](?:[ .\u00a0\u2009\u2011\u202f-]?(?:\d|\(\d{1,5}\))){6,}(?!\w))",
    re.IGNORECASE | re.ASCII,
)
TOP_LEVEL = re.compile(r"xn--[\w-]+|[a-z]{2,63}|[^\0-\x7f]{2,}", re.IGNORECASE | re.ASCII)
ASCII_PART = re.compile(r"[\0-\x7f]+")
USER_NAME = re.compile(r"[^\s/?#]*@")
PORT = re.compile(r":[0-9]{1,5}")
AFTER_SHORT_HOST = re.compile(r"[/?#\s]|:[0-9]|\Z")
MARKS_INSIDE = "\u00b7\u200c\u200d\u2010\u2011\u2012\u2013\u2019\u301c\u30fb"  # punctuation that addresses may contain
TRAILING = ".,:;!?'*_~" + MARKS_INSIDE
CLOSING = {"(": ")", "[": "]", "{": "}"}


@dataclass(frozen=True)
class Link:
    """A part of a text, and where it leads."""

    start: int
    end: int
    href: str


def find_links(text: str) -> list[Link]:
    """Return the links in the order of the text. They do not overlap."""
    return list(_links(text))


def _links(text: str) -> Iterator[Link]:
    unpaired: set[int] = set()  # brackets, so that none is looked up twice
    done = 0
    for match in START.finditer(text):
        start, begin = match.span()
        if start < done:
            continue
        if phone := match["phone"]:
            digits = re.sub(r"\(0\)|[^0-9]", "", phone)  # the zero of "+49 (0)30" is dialled only inside the country
            end = begin if MIN_PHONE_DIGITS <= len(digits) <= MAX_PHONE_DIGITS else 0
            href = f"tel:+{digits}"
        elif match["scheme"]:
            if authority := USER_NAME.match(text, begin):
                done = authority.end()
                continue
            end = _url_end(text, _host_end(text, begin), unpaired)
            href = text[start:end]
        elif match["www"]:
            end = _url_end(text, _host_end(text, start, is_named=True), unpaired)
            href = f"http://{text[start:end]}"
        else:
            end = _host_end(text, begin, is_named=True)
            after = text[end : end + 1]
            if after == "@" or (text[:start].endswith("_") and after != "_"):
                end = 0
            href = text[start:end]
            if not href.lower().startswith("mailto:"):
                href = f"mailto:{href}"
        if end:
            done = end
            yield Link(start, end, href)


def _host_end(text: str, start: int, *, is_named: bool = False) -> int:
    """Return where the host ends that begins at `start`, or 0. is_named: whether it must have a top-level domain."""
    length = 0
    limit = text[start : start + MAX_HOST_LENGTH]
    for character in limit:
        if not _is_of_host(character) and not (character == "." and length and limit[length - 1] != "."):
            break
        length += 1
    *labels, last = limit[:length].removesuffix(".").split(".")
    if labels and (ascii_part := ASCII_PART.match(last)):
        last = ascii_part[0]
    last = last.rstrip("-_")
    end = start + len(".".join([*labels, last]))
    if is_named:
        return end if labels and TOP_LEVEL.fullmatch(last) else 0
    return end if last and (labels or AFTER_SHORT_HOST.match(text, end)) else 0


def _is_of_host(character: str) -> bool:
    if character.isascii():
        return character.isalnum() or character in "-_"
    return unicodedata.category(character)[0] in "LMN"


def _url_end(text: str, host: int, unpaired: set[int]) -> int:
    """Return where a URL ends, or 0. host: where its host ends, or 0. unpaired: known unpaired brackets."""
    if not host:
        return 0
    port = PORT.match(text, host)
    end = port.end() if port else host
    if text[end : end + 1] not in ("/", "?", "#"):
        return end
    brackets: list[int] = []  # those that are not closed yet
    while end < len(text):
        character = text[end]
        if _is_stop(character) or end in unpaired or text.startswith("**", end):
            break
        if character in ",;" and text.startswith("http", end + 1):
            break
        if character in CLOSING:
            brackets.append(end)
        elif character in ")]}":
            if not brackets or CLOSING[text[brackets[-1]]] != character:
                break
            brackets.pop()
        end += 1
    unpaired.update(brackets)
    if brackets:
        end = brackets[0]
    while text[end - 1] in TRAILING:
        end -= 1
    return end


def _is_stop(character: str) -> bool:
    if "!" <= character <= "~":
        return character in '"<>\\`|'
    if character in MARKS_INSIDE or character > "\uffff":
        return False
    category = unicodedata.category(character)
    return category[0] in "ZP" or category in ("Cc", "Cf")
