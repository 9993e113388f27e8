/** @import { Named } from "./types.d.ts" */

/**
 * Return the ids of the people whose names follow an "@" in the text, whether suggested or typed. Of several matching names, the
 * longest counts.
 * @param {string} body @param {Named[]} people
 */
export const mentionedIn = (body, people) => {
  const text = body.toLowerCase();
  const found = /** @type {Set<string>} */ (new Set());
  const longest = people.toSorted((a, b) => b.name.length - a.name.length);
  for (const { index } of text.matchAll(/@/g)) {
    const isMentioned = (/** @type {Named} */ { name }) =>
      text.startsWith(name.toLowerCase(), index + 1) && !/[\p{L}\p{N}]/u.test(text[index + 1 + name.length] ?? "");
    const name = longest.find(isMentioned)?.name;
    for (const each of people) if (each.name === name) found.add(each._id);
  }
  return [...found];
};
