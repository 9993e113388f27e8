/**
 * The marks inside a paragraph: code, bold, italic and links. A mark without its counterpart stays as it was typed.
 *
 * praxtalk/core/markup/inline.py implements the same rules. tests/markup/cases.json holds the cases of both.
 *
 * @typedef {(tag: any, attributes: Record<string, string>, ...children: any[]) => any} Make creates an element
 * @typedef {{kind: string, index: number, solid: number}} Opener index: of its text in the output; solid: the count before it
 */

import { findLinks } from "./links.js";

const MARK = /`+|\*+|_+|!?\[|\]\(/g;
const LABEL = /!?\[(?:`[^`\n]*`|[^[\]`\n])+\]\(/y;
// Letters of languages that separate words by spaces. Between them, "*" and "_" are no marks: 2*3*4, snake_case.
const WORD =
  /(?![\u0e00-\u0eff\u1000-\u11ff\u1780-\u17ff\u3040-\u31ff\u3400-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\uff66-\uff9f])[\p{L}\p{N}]/u;
const BEFORE_OPENER = /[\s"'([{:|*_`]|[^\0-\x7f]/;
const SOLID = /[^\0-/:-@[-`{-\x7f]/; // something to emphasize, unlike the mouth of *_*
const TAGS = /** @type {Record<string, string>} */ ({ 1: "em", 2: "strong" });
const MAX_MARKS = 3;
const MAX_OPEN = 8; // marks inside each other

/** Return a text with its line breaks and links as nodes. @param {string} text @param {Make} make */
export function linked(text, make) {
  const writer = createWriter(text, make);
  writer.flush(text.length);
  return writer.nodes;
}

/** Return a paragraph as nodes. @param {string} text @param {Make} make */
export function inline(text, make) {
  const writer = createWriter(text, make);
  const { nodes } = writer;
  const closers = closingBackticks(text);
  const labelEnds = new Set();
  const openers = /** @type {Opener[]} */ ([]);

  /** Close the newest opener of this kind. Those after it are text. @param {string} sign @param {number} size */
  const close = (sign, size) => {
    const from = openers.findLastIndex(({ kind }) => kind === sign + size);
    if (from < 0) return false;
    const [{ index, solid }] = openers.splice(from);
    if (solid === writer.solid) return false; // there is nothing between them
    nodes[index] = make(TAGS[size], {}, ...nodes.splice(index + 1));
    return true;
  };

  /** @param {string} mark "*", "**" or "***", or as many underscores @param {number} start @param {number} end */
  const emphasize = (mark, start, end) => {
    const [sign] = mark;
    const [before, after] = [text[start - 1] ?? " ", text[end] ?? " "];
    let sizes = mark.length === MAX_MARKS ? [2, 1] : [mark.length];
    if (!/\s/.test(before) && !WORD.test(after)) {
      const newest = openers.findLast(({ kind }) => kind[0] === sign)?.kind;
      if (newest === sign + 1) sizes.reverse();
      sizes = sizes.filter((size) => !close(sign, size));
    }
    const opens = !/[\s)\]}]/.test(after) && !WORD.test(before) && BEFORE_OPENER.test(before);
    for (const size of sizes) {
      if (opens) openers.push({ kind: sign + size, index: nodes.length, solid: writer.solid });
      if (openers.length > MAX_OPEN) openers.shift();
      nodes.push(sign.repeat(size));
    }
    writer.skipTo(end);
  };

  for (const { 0: mark, index } of text.matchAll(MARK)) {
    writer.flush(index);
    if (index < writer.position) continue;
    const end = index + mark.length;
    const closer = closers.get(index);
    if (closer && !WORD.test(text[index - 1] ?? "")) {
      const code = text.slice(end, closer);
      const isPadded = /^ .* $/s.test(code) && code.trim();
      writer.push(make("code", {}, ...writer.lines(isPadded ? code.slice(1, -1) : code)));
      writer.skipTo(closer + mark.length);
    } else if ("*_".includes(mark[0]) && mark.length <= MAX_MARKS) emphasize(mark, index, end);
    else if (mark === "](" && labelEnds.delete(index)) {
      nodes.push(" (");
      writer.skipTo(end);
    } else if (mark.endsWith("[")) {
      LABEL.lastIndex = index;
      const label = LABEL.exec(text)?.[0];
      const address = index + (label?.length ?? 0);
      if (!label || text[writer.linkEnds.get(address) ?? -1] !== ")") continue;
      labelEnds.add(address - 2);
      writer.skipTo(end);
    }
  }
  writer.flush(text.length);
  return nodes;
}

/** Create what collects the nodes of a text, from its beginning to its end. @param {string} text @param {Make} make */
function createWriter(text, make) {
  const links = findLinks(text);
  const nodes = /** @type {any[]} */ ([]);
  let next = 0; // the link

  const writer = {
    nodes,
    linkEnds: new Map(links.map(({ start, end }) => [start, end])),
    /** How much of the text is written. */
    position: 0,
    /** The number of nodes so far that are worth emphasizing. */
    solid: 0,
    /** @param {any} node */
    push(node) {
      nodes.push(node);
      writer.solid++;
    },
    /** @param {number} end */
    skipTo(end) {
      writer.position = end;
    },
    /** Return lines as strings, with a <br> between them. @param {string} lines */
    lines: (lines) => lines.split(/\r\n?|\n/).flatMap((line, index) => (index ? [make("br", {}), line] : [line])),
    /** Write the text, with the links that begin in it, up to here. @param {number} end */
    flush(end) {
      for (; links[next]?.start < end; next++) {
        const link = links[next];
        if (link.start < writer.position) continue;
        write(link.start);
        const { href } = link;
        const attributes = { href, target: "_blank", rel: "noopener noreferrer nofollow", dir: "auto" };
        writer.push(make("a", attributes, text.slice(link.start, link.end)));
        writer.skipTo(link.end);
      }
      write(end);
    },
  };

  /** @param {number} end */
  const write = (end) => {
    if (end <= writer.position) return;
    const part = text.slice(writer.position, end);
    nodes.push(...writer.lines(part));
    if (SOLID.test(part)) writer.solid++;
    writer.skipTo(end);
  };
  return writer;
}

/** Return where each run of backticks is closed by the next run of the same length. @param {string} text */
function closingBackticks(text) {
  const closers = /** @type {Map<number, number>} */ (new Map());
  const last = /** @type {Map<number, number>} */ (new Map()); // by length
  for (const { 0: run, index } of text.matchAll(/`+/g)) {
    const opener = last.get(run.length);
    if (opener !== undefined) closers.set(opener, index);
    last.set(run.length, index);
  }
  return closers;
}
