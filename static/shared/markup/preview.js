/** The text of a message on one line, as lists show it: without the marks of Markdown, in case it has some. */

import { markup } from "./markup.js";

const BLOCKS = ["p", "pre", "blockquote", "li"];

const PREVIEW_LENGTH = 140; // as in conversations/models/conversations.py
const FENCES = /^ {0,3}`{3,}[^`\n]*$/gm;

/** @param {string} text if it has PREVIEW_LENGTH characters, it may be cut off, also inside a block of code */
export const previewOf = (text) => {
  const isOpen = text.length >= PREVIEW_LENGTH && (text.match(FENCES)?.length ?? 0) % 2;
  return markup(isOpen ? `${text}\n\`\`\`` : text, make)
    .join("")
    .trim();
};

/** @param {string} tag @param {object} _attributes @param {string[]} children @returns {string} */
const make = (tag, _attributes, ...children) => {
  if (tag === "br") return " ";
  if (tag === "ul") return children.map((item) => `• ${item}`).join("");
  if (tag === "ol") return children.map((item, index) => `${index + 1}. ${item}`).join("");
  return children.join("").replaceAll("\n", " ") + (BLOCKS.includes(tag) ? " " : "");
};
