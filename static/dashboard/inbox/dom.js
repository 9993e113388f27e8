/** Elements and words. What strangers wrote is set as text, never parsed. */

/**
 * @typedef {{_id: string, name: string}} Person
 * @typedef {Person & {email: string | null, phone: string | null}} VisitorOfRow
 * @typedef {"open" | "snoozed" | "resolved" | "closed"} Status
 * @typedef {{_id: string, status: Status, brandId: string, visitor: VisitorOfRow, assignee: Person | null, preview: string,
 *   snoozedUntil: number | null, lastActivityAt: number, createdAt: number, unread?: boolean, tags: Person[], rating: number | null}} Row
 */

/**
 * @param {string} tag
 * @param {Record<string, any>} [properties] attributes; `onclick` and its like are listeners; what is false or missing is left out
 * @param {...any} children elements and texts, and lists of them
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

/** Writes only what differs: nothing is laid out anew for nothing. @param {Element} element @param {string} text */
export const setText = (element, text) => {
  if (element.textContent !== text) element.textContent = text;
};

/** @param {Element} element @param {string} name @param {string | null} value null takes it away */
export const setAttribute = (element, name, value) => {
  if (value === null) element.removeAttribute(name);
  else if (element.getAttribute(name) !== value) element.setAttribute(name, value);
};

/**
 * Other children for a box. The same ones again are not laid out anew; where they differ, the focus stays on the control of the
 * same words, or else on the one in its place.
 * @param {any} box @param {...any} children as of h()
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

/** Why something was refused, as a sentence: without the kind of the error and the argument's name. @param {unknown} error */
export const reasonOf = (error) => {
  const reason = /** @type {Error} */ (error).message.replace(/^(ArgumentValidationError: )?([a-z]\w*: )?/, "");
  return reason.charAt(0).toUpperCase() + reason.slice(1);
};

/** Half a character, which JSON and the server refuse, becomes U+FFFD. @param {any} text @returns {string} */
export const wellFormed = (text) => text.toWellFormed();

/** The element of this id in the page. @param {string} id @returns {any} */
export const byId = (id) => document.getElementById(id);

const MINUTE = 60_000;
const clockFormat = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const dayFormat = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const dateFormat = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

/** How long ago, in two or three letters. @param {number} at */
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

/** @param {string} word @param {number} count */
export const counted = (word, count) => `${count.toLocaleString()} ${word}${count === 1 ? "" : "s"}`;

/** @param {Status} status */
export const statusWord = (status) => status[0].toUpperCase() + status.slice(1);
