/** Helpers for elements and texts. Content from visitors is always set as text and never parsed as HTML. */

/**
 * @typedef {{_id: string, name: string}} Person
 * @typedef {Person & {email: string | null, phone: string | null}} VisitorOfRow
 * @typedef {"open" | "snoozed" | "resolved" | "closed"} Status
 * @typedef {{_id: string, status: Status, brandId: string, visitor: VisitorOfRow, assignee: Person | null, preview: string,
 *   snoozedUntil: number | null, lastActivityAt: number, createdAt: number, unread?: boolean, tags: Person[], rating: number | null}} Row
 */

/**
 * Create an element.
 * @param {string} tag
 * @param {Record<string, any>} [properties] attributes and listeners such as `onclick`; false, null and undefined are skipped
 * @param {...any} children elements, strings, and arrays of them
 * @returns {any}
 */
export const h = (tag, properties = {}, ...children) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
};

/** Set the text only if it differs, to avoid needless layout. @param {Element} element @param {string} text */
export const setText = (element, text) => {
  if (element.textContent !== text) element.textContent = text;
};

/** @param {Element} element @param {string} name @param {string | null} value null removes the attribute */
export const setAttribute = (element, name, value) => {
  if (value === null) element.removeAttribute(name);
  else if (element.getAttribute(name) !== value) element.setAttribute(name, value);
};

/**
 * Replace the children of an element, unless they are the same. The focus stays on the control with the same text, or else on
 * the one at the same position.
 * @param {any} box @param {...any} children as for h()
 */
export const fill = (box, ...children) => {
  const next = h(box.tagName, {}, children);
  if (next.innerHTML === box.innerHTML) return;
  const controls = () => [...box.querySelectorAll("a, button")];
  const place = controls().indexOf(document.activeElement);
  const words = document.activeElement?.textContent;
  box.replaceChildren(...next.childNodes);
  if (place < 0) return;
  const now = controls();
  (now.find(({ textContent }) => textContent === words) ?? now[Math.min(place, now.length - 1)])?.focus();
};

/** Return an error's reason as a sentence, without the error class and the argument's name. @param {unknown} error */
export const reasonOf = (error) => {
  const reason = /** @type {Error} */ (error).message.replace(/^(ArgumentValidationError: )?([a-z]\w*: )?/, "");
  return reason.charAt(0).toUpperCase() + reason.slice(1);
};

/** Replace lone surrogates, which JSON and the server reject, by U+FFFD. @param {any} text @returns {string} */
export const wellFormed = (text) => text.toWellFormed();

/** Return the element with this id, untyped. @param {string} id @returns {any} */
export const byId = (id) => document.getElementById(id);

const MINUTE = 60_000;
const clockFormat = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const dayFormat = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const dateFormat = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

/** Return how long ago a time was, in two or three characters such as 5m. @param {number} at */
export const ago = (at) => {
  const minutes = Math.max(0, Date.now() - at) / MINUTE;
  if (minutes < 1) return "now";
  if (minutes < 60) return `${Math.floor(minutes)}m`;
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)}h`;
  return `${Math.floor(minutes / 24 / 60)}d`;
};

/** @param {number} at */
export const clock = (at) => clockFormat.format(at);
/** @param {number} at */
export const day = (at) => dayFormat.format(at);
/** @param {number} at */
export const date = (at) => dateFormat.format(at);

/** Return a count with its noun, such as "2 conversations". @param {string} word in the singular @param {number} count */
export const counted = (word, count) => `${count.toLocaleString()} ${word}${count === 1 ? "" : "s"}`;

/** @param {Status} status */
export const statusWord = (status) => status[0].toUpperCase() + status.slice(1);
