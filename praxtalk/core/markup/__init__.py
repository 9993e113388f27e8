"""Show the text of a message as HTML, as static/shared/markup/ shows it in the browser.

Operators and bots write in a small part of Markdown: bold, italic, code, lists and quotes. What is not clearly markup stays as it
was typed. There is no syntax for a link whose text hides its address: `[text](address)` is shown as "text (address)".
tests/markup/cases.json holds the cases of both implementations.
"""

from praxtalk.core.markup.blocks import markup_html
from praxtalk.core.markup.inline import plain_html

__all__ = ["markup_html", "plain_html"]
