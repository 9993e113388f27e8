/** The formatting keys of the composer: they put Markdown around the selected text. */

const MARKS = /** @type {Record<string, string>} */ ({ b: "**", i: "*", e: "`" });

/**
 * Return the text with the mark around its selection, and the new selection. A selection that has the mark already loses it.
 * @param {string} text @param {number} start @param {number} end @param {string} mark
 */
export const toggleMark = (text, start, end, mark) => {
  const size = mark.length;
  const isMarked =
    text.slice(start - size, start) === mark &&
    text.slice(end, end + size) === mark &&
    text[start - size - 1] !== "*" &&
    text[end + size] !== "*";
  if (isMarked) {
    const inner = text.slice(start, end);
    return { text: text.slice(0, start - size) + inner + text.slice(end + size), start: start - size, end: end - size };
  }
  const inner = mark + text.slice(start, end) + mark;
  return { text: text.slice(0, start) + inner + text.slice(end), start: start + size, end: end + size };
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
