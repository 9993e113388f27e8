/** The formatting keys of the composer: they put Markdown around the selected text. */

const MARKS = /** @type {Record<string, string>} */ ({ b: "**", i: "*", e: "`" });

/** Return how many asterisks stand on both sides of a selection. @param {string} before @param {string} after */
const asterisksAround = (before, after) =>
  Math.min(/\**$/.exec(before)?.[0].length ?? 0, /^\**/.exec(after)?.[0].length ?? 0);

/** Return whether a selection between these texts has the mark. One asterisk is italic, two are bold, three are both. */
const hasMark = (/** @type {string} */ before, /** @type {string} */ after, /** @type {string} */ mark) => {
  if (mark === "`") return before.endsWith(mark) && after.startsWith(mark);
  const count = asterisksAround(before, after);
  return mark === "*" ? count % 2 === 1 : count >= 2;
};

/**
 * Return the text with the mark around its selection, and the new selection. A selection that has the mark already loses it.
 * @param {string} text @param {number} start @param {number} end @param {string} mark
 */
export const toggleMark = (text, start, end, mark) => {
  const [before, inner, after] = [text.slice(0, start), text.slice(start, end), text.slice(end)];
  const size = mark.length;
  if (hasMark(before, after, mark))
    return { text: before.slice(0, -size) + inner + after.slice(size), start: start - size, end: end - size };
  return { text: before + mark + inner + mark + after, start: start + size, end: end + size };
};

/**
 * Handle Ctrl+B, Ctrl+I and Ctrl+E (code) in a text field. Return whether the key was one of them.
 * @param {HTMLTextAreaElement} field @param {KeyboardEvent} event
 */
export const format = (field, event) => {
  const mark = MARKS[event.key.toLowerCase()];
  if (!mark || !(event.ctrlKey || event.metaKey) || event.shiftKey || event.altKey) return false;
  const { text, start, end } = toggleMark(field.value, field.selectionStart, field.selectionEnd, mark);
  field.value = text;
  field.setSelectionRange(start, end);
  field.dispatchEvent(new Event("input"));
  return true;
};
