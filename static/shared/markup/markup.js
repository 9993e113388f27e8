/**
 * Show the text of a message. Nothing is parsed as HTML: each element is created, and texts stay texts.
 *
 * Operators and bots write in a small part of Markdown: bold, italic, code, lists and quotes. What is not clearly markup stays as
 * it was typed. There is no syntax for a link whose text hides its address: `[text](address)` is shown as "text (address)".
 *
 * praxtalk/core/markup/ implements the same rules. tests/markup/cases.json holds the cases of both.
 *
 * @typedef {import("./inline.js").Make} Make
 */

import { element } from "../dom.js";
import { inline, linked } from "./inline.js";

const MAX_DEPTH = 4; // of quotes and lists inside each other
const LINE_BREAK = /\r\n?|\n/;
const FENCE = /^ {0,3}(`{3,})[^`]*$/;
const CLOSING_FENCE = /^ {0,3}(`{3,})\s*$/;
const QUOTE = /^ {0,3}>+(?: |$)/;
const FIRST_QUOTE = /^ {0,3}>+ +\S/;
const ITEM = /^( {0,3})([-*]|(\d{1,3})([.)])) +(?=\S)/;
const BLANK = /^\s*$/;

/** @typedef {{node: any, end: number}} Block end: the index of the line after it */

/** Return the nodes of a text in Markdown. @param {string} text @param {Make} [make] */
export const markup = (text, make = element) => blocks(text.split(LINE_BREAK), make);

/** Return the nodes of a plain text, in which only links are marked. @param {string} text @param {Make} [make] */
export const plainText = (text, make = element) => linked(text, make);

/**
 * @param {string[]} lines @param {Make} make @param {number} [depth]
 * @param {boolean} [isItem] whether the first paragraph needs no element of its own, as that of a list item
 */
function blocks(lines, make, depth = 0, isItem = false) {
  const nodes = /** @type {any[]} */ ([]);
  const longest = longestClosingFences(lines);
  let paragraph = /** @type {string[]} */ ([]);
  const endParagraph = () => {
    if (!paragraph.length) return;
    const children = inline(paragraph.join("\n"), make);
    if (isItem && !nodes.length) nodes.push(...children);
    else nodes.push(make("p", {}, ...children));
    paragraph = [];
  };
  for (let at = 0; at < lines.length; ) {
    const block =
      fencedCode(lines, at, longest, make) ??
      (depth < MAX_DEPTH ? (quote(lines, at, make, depth) ?? list(lines, at, make, depth)) : undefined);
    if (block || BLANK.test(lines[at])) endParagraph();
    else paragraph.push(lines[at]);
    if (block) nodes.push(block.node);
    at = block?.end ?? at + 1;
  }
  endParagraph();
  return nodes;
}

/** Return for each line the length of the longest closing fence from there on. @param {string[]} lines */
const longestClosingFences = (lines) => {
  const longest = [0];
  for (const line of lines.toReversed())
    longest.push(Math.max(longest[longest.length - 1], fenceOf(CLOSING_FENCE, line)));
  return longest.reverse();
};

/** @param {RegExp} pattern @param {string} line @returns {number} the number of backticks; 0 if it is no fence */
const fenceOf = (pattern, line) => pattern.exec(line)?.[1].length ?? 0;

/**
 * @param {string[]} lines @param {number} start @param {number[]} longest @param {Make} make
 * @returns {Block | undefined} none if the fence is never closed
 */
function fencedCode(lines, start, longest, make) {
  const length = fenceOf(FENCE, lines[start]);
  if (!length || longest[start + 1] < length) return undefined;
  let end = start + 1;
  while (fenceOf(CLOSING_FENCE, lines[end]) < length) end++;
  const indent = indentOf(lines[start]);
  const code = lines.slice(start + 1, end).map((line) => withoutIndent(line, indent));
  return { node: make("pre", {}, make("code", {}, code.join("\n"))), end: end + 1 };
}

/** @param {string[]} lines @param {number} start @param {Make} make @param {number} depth @returns {Block | undefined} */
function quote(lines, start, make, depth) {
  if (!FIRST_QUOTE.test(lines[start])) return undefined;
  let end = start;
  while (end < lines.length && QUOTE.test(lines[end])) end++;
  const quoted = lines.slice(start, end).map((line) => line.replace(/^ {0,3}> ?/, ""));
  return { node: make("blockquote", {}, ...blocks(quoted, make, depth + 1)), end };
}

/**
 * A list has at least two items, because one is not clearly a list. Numbers count from 1, because a list shows its own.
 * @param {string[]} lines @param {number} start @param {Make} make @param {number} depth @returns {Block | undefined}
 */
function list(lines, start, make, depth) {
  const first = ITEM.exec(lines[start]);
  if (!first) return undefined;
  const [, { length: margin }, bullet, number, delimiter] = first;
  const items = /** @type {string[][]} */ ([]);
  let end = start;
  for (let at = start; at < lines.length; ) {
    const item = ITEM.exec(lines[at]);
    const isNext = number ? item?.[4] === delimiter && Number(item[3]) === items.length + 1 : item?.[2] === bullet;
    if (!item || !isNext || item[1].length > margin + 1) break;
    const next = at + 1;
    end = next;
    for (at = next; at < lines.length; at++) {
      if (BLANK.test(lines[at])) continue;
      if (indentOf(lines[at]) < margin + 2) break;
      end = at + 1;
    }
    const width = item[0].length;
    const more = lines.slice(next, end).map((line) => withoutIndent(line, width));
    items.push([lines[next - 1].slice(width), ...more]);
  }
  if (items.length < 2) return undefined;
  const children = items.map((item) => make("li", {}, ...blocks(item, make, depth + 1, true)));
  return { node: make(number ? "ol" : "ul", {}, ...children), end };
}

/** Return the number of spaces before a line; a tab counts as four. @param {string} line */
const indentOf = (line) => (line.startsWith("\t") ? 4 : line.search(/[^ ]|$/));

/** Remove up to `size` spaces, or a tab, from the beginning. @param {string} line @param {number} size */
const withoutIndent = (line, size) => line.slice(line.startsWith("\t") ? 1 : Math.min(size, indentOf(line)));
