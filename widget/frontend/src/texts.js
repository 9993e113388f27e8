import { isSameDay } from "./timeline.js";

/** The texts in the visitor's language, and functions that format times in it. */

/** @typedef {ReturnType<typeof createTexts>} Texts */

/** @param {import("./api.js").Config} config */
export function createTexts({ texts, locale }) {
  /** @param {number} time in ms @param {Intl.DateTimeFormatOptions} options */
  const format = (time, options) => new Date(time).toLocaleString(locale, options);
  /** @param {number} time */
  const clock = (time) => format(time, { hour: "numeric", minute: "2-digit" });
  /** @param {number} time */
  const isToday = (time) => isSameDay(time, Date.now());

  return {
    /** Return a text. @param {string} key @param {Record<string, string | number>} [values] values of the placeholders */
    t: (key, values = {}) => (texts[key] ?? "").replace(/\{(\w+)\}/g, (all, name) => `${values[name] ?? all}`),
    clock,
    /** @param {number} time */
    day: (time) => (isToday(time) ? texts.today : format(time, { weekday: "long", day: "numeric", month: "long" })),
    /** Format a future time. @param {number} time */
    moment: (time) =>
      isToday(time) ? clock(time) : format(time, { weekday: "long", hour: "numeric", minute: "2-digit" }),
  };
}
