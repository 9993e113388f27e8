/** What people type in the inbox and in the widget. */

/**
 * Return a text that the server accepts: without NUL, and with U+FFFD instead of lone surrogates.
 * @param {string} text @returns {string}
 */
export const wellFormed = (text) => text.toWellFormed().replaceAll("\0", "");

/** Return a text as it can be sent: well-formed, trimmed, and "" if there is nothing to see in it. @param {string} text */
export const sendable = (text) =>
  text
    .toWellFormed()
    .replace(/^[\s\p{Cc}\p{DI}\u2800]+$|\0/gu, "")
    .trim();

/**
 * Return whether a key belongs to an input method. Safari ends the composition before the key that ended it, and marks that key
 * only by its code.
 * @param {KeyboardEvent} event
 */
export const isComposing = (event) => event.isComposing || event.keyCode === 229;
