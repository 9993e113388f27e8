/** Helpers for elements and texts. Content from visitors is always set as text and never parsed as HTML. */

import { element, setText } from "../../shared/dom.js";

export { isComposing, sendable, wellFormed } from "../../shared/text.js";
export { setText };

/**
 * @typedef {Node | string | false | null | undefined} SingleChild
 * @typedef {SingleChild | readonly (SingleChild | readonly (SingleChild | readonly SingleChild[])[])[]} Child
 */

/**
 * Create an element.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, any>} [attributes] a function becomes a listener of the event of that name; null, undefined and false
 *   are skipped
 * @param {...Child} children arrays are flattened; null, undefined and false are skipped
 * @returns {HTMLElementTagNameMap[K]}
 */
export const h = (tag, attributes, ...children) => {
  const flat = /** @type {SingleChild[]} */ (children.flat(3));
  const isShown = (/** @type {SingleChild} */ child) => child !== null && child !== undefined && child !== false;
  return element(tag, attributes, .../** @type {(Node | string)[]} */ (flat.filter(isShown)));
};

/** @param {Element} target @param {string} name @param {string | null} value null removes the attribute */
export const setAttribute = (target, name, value) => {
  if (value === null) target.removeAttribute(name);
  else if (target.getAttribute(name) !== value) target.setAttribute(name, value);
};

/**
 * Replace the children of an element, unless they are the same. The focus stays on the control with the same text, or else on
 * the one at the same position.
 * @param {HTMLElement} box @param {...Child} children as for h()
 */
export const fill = (box, ...children) => {
  const next = h(/** @type {"div"} */ (box.localName), {}, ...children);
  if (next.innerHTML === box.innerHTML) return;
  const controls = () => /** @type {HTMLElement[]} */ ([...box.querySelectorAll("a, button")]);
  const { activeElement } = document;
  const index = controls().indexOf(/** @type {HTMLElement} */ (activeElement));
  const text = activeElement?.textContent;
  box.replaceChildren(...next.childNodes);
  if (index < 0) return;
  const now = controls();
  (now.find(({ textContent }) => textContent === text) ?? now[Math.min(index, now.length - 1)])?.focus();
};

/** Return a name, or another text of somebody's own, whose direction does not affect what is around it. @param {string} text */
export const isolated = (text) => h("bdi", {}, text);

// Letters that are written from right to left, and marks that change the direction.
const RIGHT_TO_LEFT =
  /[\u0590-\u08ff\u200e\u200f\u202a-\u202e\u2066-\u2069\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;

/**
 * Like `isolated`, for a plain string such as a notification: U+2068 and U+2069 isolate the text, if it needs that. Its own marks
 * of direction are removed, because they could end the isolation.
 * @param {string} text
 */
export const isolatedText = (text) =>
  RIGHT_TO_LEFT.test(text) ? `\u2068${text.replace(/[\u202a-\u202e\u2066-\u2069]/g, "")}\u2069` : text;

/** Return an error's reason as a sentence, without the error class and the argument's name. @param {unknown} error */
export const reasonOf = (error) => {
  const reason = /** @type {Error} */ (error).message.replace(/^(ArgumentValidationError: )?([a-z]\w*: )?/, "");
  return reason.charAt(0).toUpperCase() + reason.slice(1);
};

/** Return the element of the page with this id. @param {string} id */
export const byId = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

const MINUTE = 60_000;
/** The operator's own time zone; undefined stands for the browser's. */
const timeZone = globalThis.document?.body.dataset.timeZone || undefined; // the tests of Markdown have no document
/** @param {Intl.DateTimeFormatOptions} options */
const formatOf = (options) => new Intl.DateTimeFormat(undefined, { timeZone, ...options });
const clockFormat = formatOf({ hour: "2-digit", minute: "2-digit" });
const dayFormat = formatOf({ weekday: "long", day: "numeric", month: "long" });
const calendarDayFormat = formatOf({ dateStyle: "medium" });
const dateFormat = formatOf({ dateStyle: "medium", timeStyle: "short" });

/** Return how long ago a time was, in two or three characters such as 5m. @param {number} at */
export const ago = (at) => {
  const minutes = Math.max(0, Date.now() - at) / MINUTE;
  if (minutes < 1) return "now";
  if (minutes < 60) return `${Math.floor(minutes)}m`;
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)}h`;
  return `${Math.floor(minutes / 24 / 60)}d`;
};

/**
 * Return how long something has lasted, such as "12 m", and the same in words, such as "12 minutes".
 * @param {number} since
 * @returns {[string, string]}
 */
export const duration = (since) => {
  const minutes = Math.floor(Math.max(0, Date.now() - since) / MINUTE);
  if (minutes < 1) return ["< 1 m", "less than a minute"];
  if (minutes < 60) return [`${minutes} m`, pluralize("minute", minutes)];
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return [`${hours} h`, pluralize("hour", hours)];
  const days = Math.floor(hours / 24);
  return [`${days} d`, pluralize("day", days)];
};

/** @param {number} at */
export const clock = (at) => clockFormat.format(at);
/** @param {number} at */
export const day = (at) => dayFormat.format(at);
/** Return a day with its year. @param {number} at */
export const calendarDay = (at) => calendarDayFormat.format(at);
/** @param {number} at */
export const date = (at) => dateFormat.format(at);

/** Return a count with its noun, such as "2 conversations". @param {string} noun in the singular @param {number} count */
export const pluralize = (noun, count) => `${count.toLocaleString()} ${noun}${count === 1 ? "" : "s"}`;

/** Return a status with a capital letter. @param {string} status */
export const statusName = (status) => status[0].toUpperCase() + status.slice(1);
