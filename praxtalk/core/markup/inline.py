"""The marks inside a paragraph: code, bold, italic and links. static/shared/markup/inline.js implements the same rules."""

import re
from dataclasses import dataclass

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from praxtalk.core.markup.links import find_links

SPACES = "\t\n\v\f\r \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"  # as in JavaScript
UNSPACED = "\u0e00-\u0eff\u1000-\u11ff\u1780-\u17ff\u3040-\u31ff\u3400-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\uff66-\uff9f"
LINE_BREAK = re.compile(r"\r\n?|\n")
MARK = re.compile(r"`+|\*+|_+|!?\[|\]\(")
BACKTICKS = re.compile("`+")
LABEL = re.compile(r"!?\[(?:`[^`\n]*`|[^\[\]`\n])+\]\(")
SPACE = re.compile(f"[{SPACES}]")
# Letters of languages that separate words by spaces. Between them, "*" and "_" are no marks: 2*3*4, snake_case.
WORD = re.compile(rf"(?![{UNSPACED}\U00010000-\U0010ffff])[^\W_]")
BEFORE_OPENER = re.compile(rf"[{SPACES}\"'(\[{{:|*_`]|[^\0-\x7f]")
SOLID = re.compile(r"[^\0-/:-@\[-`{-\x7f]")  # something to emphasize, unlike the mouth of *_*
PADDED = re.compile(" .* ", re.DOTALL)
TAGS = {1: "em", 2: "strong"}
MAX_MARKS = 3
MAX_OPEN = 8  # marks inside each other


def plain_html(text: str) -> SafeString:
    """Return a plain text as HTML, in which only links are marked."""
    writer = _Writer(text)
    writer.flush(len(text))
    return mark_safe("".join(writer.nodes))  # noqa: S308 - the writer escapes


def inline_html(text: str) -> str:
    """Return a paragraph as HTML. A mark without its counterpart stays as it was typed."""
    writer = _Writer(text)
    emphasis = _Emphasis(writer)
    closers = _closing_backticks(text)
    link_ends = {link.start: link.end for link in writer.links}
    label_ends: set[int] = set()
    for match in MARK.finditer(text):
        mark, (start, end) = match[0], match.span()
        writer.flush(start)
        if start < writer.position:
            continue
        closer = closers.get(start)
        if closer and not WORD.match(text[max(0, start - 1) : start]):
            writer.push(f"<code>{_lines(_unpadded(text[end:closer]))}</code>")
            writer.position = closer + len(mark)
        elif mark[0] in "*_" and len(mark) <= MAX_MARKS:
            emphasis.read(mark, start, end)
        elif mark == "](" and start in label_ends:
            writer.nodes.append(" (")
            writer.position = end
        elif mark.endswith("[") and (label := LABEL.match(text, start)):
            link_end = link_ends.get(label.end(), len(text))
            if text[link_end : link_end + 1] == ")":
                label_ends.add(label.end() - 2)
                writer.position = end
    writer.flush(len(text))
    return "".join(writer.nodes)


class _Writer:
    """Collects the HTML of a text, from its beginning to its end.

    position: how much of the text is written. solid: the number of nodes so far that are worth emphasizing.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.links = find_links(text)
        self.nodes: list[str] = []
        self.position = self.solid = self._next_link = 0

    def push(self, node: str) -> None:
        self.nodes.append(node)
        self.solid += 1

    def flush(self, end: int) -> None:
        """Write the text, with the links that begin in it, up to here."""
        while self._next_link < len(self.links) and self.links[self._next_link].start < end:
            link = self.links[self._next_link]
            self._next_link += 1
            if link.start < self.position:
                continue
            self._write(link.start)
            attributes = f'href="{escape(link.href)}" target="_blank" rel="noopener noreferrer nofollow" dir="auto"'
            self.push(f"<a {attributes}>{escape(self.text[link.start : link.end])}</a>")
            self.position = link.end
        self._write(end)

    def _write(self, end: int) -> None:
        if end <= self.position:
            return
        part = self.text[self.position : end]
        self.nodes.append(_lines(part))
        self.solid += bool(SOLID.search(part))
        self.position = end


@dataclass(frozen=True)
class _Opener:
    """kind: the mark. index: of its node. solid: the writer's count before it."""

    kind: str
    index: int
    solid: int


class _Emphasis:
    """The marks that are open at some place of a text."""

    def __init__(self, writer: _Writer) -> None:
        self.writer = writer
        self.openers: list[_Opener] = []

    def read(self, mark: str, start: int, end: int) -> None:
        """Write one, two or three asterisks or underscores: they close an element, open one, or are text."""
        text, sign = self.writer.text, mark[0]
        before, after = text[max(0, start - 1) : start] or " ", text[end : end + 1] or " "
        sizes = [2, 1] if len(mark) == MAX_MARKS else [len(mark)]
        if not SPACE.match(before) and not WORD.match(after):
            newest = next((opener.kind for opener in reversed(self.openers) if opener.kind[0] == sign), "")
            if newest == sign:
                sizes.reverse()
            sizes = [size for size in sizes if not self._close(sign * size)]
        opens = not SPACE.match(after) and after not in ")]}" and not WORD.match(before) and BEFORE_OPENER.match(before)
        for size in sizes:
            if opens:
                self.openers.append(_Opener(sign * size, len(self.writer.nodes), self.writer.solid))
                del self.openers[:-MAX_OPEN]
            self.writer.nodes.append(sign * size)
        self.writer.position = end

    def _close(self, kind: str) -> bool:
        """Close the newest opener of this kind. Those after it are text."""
        nodes = self.writer.nodes
        position = next((i for i in reversed(range(len(self.openers))) if self.openers[i].kind == kind), None)
        if position is None:
            return False
        opener, tag = self.openers[position], TAGS[len(kind)]
        del self.openers[position:]
        if opener.solid == self.writer.solid:  # there is nothing between them
            return False
        nodes[opener.index :] = [f"<{tag}>{''.join(nodes[opener.index + 1 :])}</{tag}>"]
        return True


def _closing_backticks(text: str) -> dict[int, int]:
    """Return where each run of backticks is closed by the next run of the same length."""
    closers: dict[int, int] = {}
    last: dict[int, int] = {}  # by length
    for run in BACKTICKS.finditer(text):
        length = len(run[0])
        if length in last:
            closers[last[length]] = run.start()
        last[length] = run.start()
    return closers


def _unpadded(code: str) -> str:
    return code[1:-1] if PADDED.fullmatch(code) and code.strip() else code


def _lines(text: str) -> str:
    return "<br>".join(escape(line) for line in LINE_BREAK.split(text))
