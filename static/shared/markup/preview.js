/** The text of a message on one line, as lists show it: without the marks of Markdown, in case it has some. */

import { markup } from "./markup.js";

const BLOCKS = ["p", "pre", "blockquote", "li"];

/** @param {string} text */
export const previewOf = (text) => markup(text, make).join("").trim();

/** @param {string} tag @param {object} _attributes @param {string[]} children @returns {string} */
const make = (tag, _attributes, ...children) => {
  if (tag === "br") return " ";
  if (tag === "ul") return children.map((item) => `• ${item}`).join("");
  if (tag === "ol") return children.map((item, index) => `${index + 1}. ${item}`).join("");
  return children.join("").replaceAll("\n", " ") + (BLOCKS.includes(tag) ? " " : "");
};
