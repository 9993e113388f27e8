"""The blocks of a text: paragraphs, quotes, lists and code. static/shared/markup/markup.js implements the same rules."""

import re

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from praxtalk.core.markup.inline import LINE_BREAK, SPACES, inline_html

MAX_DEPTH = 4  # of quotes and lists inside each other
FENCE = re.compile(r" {0,3}(`{3,})[^`]*\Z")
CLOSING_FENCE = re.compile(rf" {{0,3}}(`{{3,}})[{SPACES}]*\Z")
QUOTE = re.compile(r" {0,3}>+(?: |\Z)")
FIRST_QUOTE = re.compile(rf" {{0,3}}>+ +[^{SPACES}]")
QUOTE_MARK = re.compile(r"^ {0,3}> ?")
ITEM = re.compile(rf"( {{0,3}})([-*]|([0-9]{{1,3}})([.)])) +(?=[^{SPACES}])")
BLANK = re.compile(f"[{SPACES}]*\\Z")

Block = tuple[str, int]  # its HTML, and the index of the line after it


def markup_html(text: str) -> SafeString:
    """Return a text in Markdown as HTML."""
    return mark_safe(_blocks(LINE_BREAK.split(text)))  # noqa: S308 - the text is escaped where it is written


def _blocks(lines: list[str], depth: int = 0, *, is_item: bool = False) -> str:
    """is_item: whether the first paragraph needs no element of its own, as that of a list item."""
    nodes: list[str] = []
    paragraph: list[str] = []
    longest = _longest_closing_fences(lines)

    def end_paragraph() -> None:
        if paragraph:
            content = inline_html("\n".join(paragraph))
            nodes.append(content if is_item and not nodes else f"<p>{content}</p>")
            paragraph.clear()

    at = 0
    while at < len(lines):
        block = _fenced_code(lines, at, longest)
        if block is None and depth < MAX_DEPTH:
            block = _quote(lines, at, depth) or _list(lines, at, depth)
        if block or BLANK.match(lines[at]):
            end_paragraph()
        else:
            paragraph.append(lines[at])
        if block:
            nodes.append(block[0])
        at = block[1] if block else at + 1
    end_paragraph()
    return "".join(nodes)


def _longest_closing_fences(lines: list[str]) -> list[int]:
    """Return for each line the length of the longest closing fence from there on."""
    longest = [0]
    for line in reversed(lines):
        longest.append(max(longest[-1], _fence(CLOSING_FENCE, line)))
    return longest[::-1]


def _fence(pattern: re.Pattern[str], line: str) -> int:
    """Return the number of backticks. Return 0 if it is no fence."""
    match = pattern.match(line)
    return len(match[1]) if match else 0


def _fenced_code(lines: list[str], start: int, longest: list[int]) -> Block | None:
    """Return None if the fence is never closed."""
    length = _fence(FENCE, lines[start])
    if not length or longest[start + 1] < length:
        return None
    end = start + 1
    while _fence(CLOSING_FENCE, lines[end]) < length:
        end += 1
    indent = _indent(lines[start])
    code = "\n".join(_without_indent(line, indent) for line in lines[start + 1 : end])
    return f"<pre><code>{escape(code)}</code></pre>", end + 1


def _quote(lines: list[str], start: int, depth: int) -> Block | None:
    if not FIRST_QUOTE.match(lines[start]):
        return None
    end = start
    while end < len(lines) and QUOTE.match(lines[end]):
        end += 1
    quoted = [QUOTE_MARK.sub("", line) for line in lines[start:end]]
    return f"<blockquote>{_blocks(quoted, depth + 1)}</blockquote>", end


def _list(lines: list[str], start: int, depth: int) -> Block | None:
    """A list has at least two items, because one is not clearly a list. Numbers count from 1, because a list shows its own."""
    first = ITEM.match(lines[start])
    if not first:
        return None
    margin = len(first[1])
    items: list[list[str]] = []
    at = end = start
    while at < len(lines) and (item := ITEM.match(lines[at])):
        number = item[3] if first[3] else None
        is_next = int(number) == len(items) + 1 and item[4] == first[4] if number else item[2] == first[2]
        if not is_next or len(item[1]) > margin + 1:
            break
        end = next_line = at + 1
        for at in range(next_line, len(lines) + 1):
            if at == len(lines) or (not BLANK.match(lines[at]) and _indent(lines[at]) < margin + 2):
                break
            if not BLANK.match(lines[at]):
                end = at + 1
        width = item.end()
        more = [_without_indent(line, width) for line in lines[next_line:end]]
        items.append([lines[next_line - 1][width:], *more])
    if len(items) < 2:
        return None
    tag = "ol" if first[3] else "ul"
    content = "".join(f"<li>{_blocks(item, depth + 1, is_item=True)}</li>" for item in items)
    return f"<{tag}>{content}</{tag}>", end


def _indent(line: str) -> int:
    """Return the number of spaces before a line. A tab counts as four."""
    return 4 if line.startswith("\t") else len(line) - len(line.lstrip(" "))


def _without_indent(line: str, size: int) -> str:
    """Remove up to `size` spaces, or a tab, from the beginning."""
    return line[1 if line.startswith("\t") else min(size, _indent(line)) :]
