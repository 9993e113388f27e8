/** Create elements without an HTML parser, so that neither a Content-Security-Policy nor Trusted Types can block it. */

const SVG = "http://www.w3.org/2000/svg";

/** Paths of the icons, in a view box of 24 x 24. */
export const ICONS = {
  chat: "M4 20l1-5a8 7 0 1 1 4 4z",
  close: "M6 6l12 12M18 6L6 18",
  send: "M12 20V5M5 12l7-7 7 7",
};

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, any>} [attributes] a function becomes a listener of the event of that name; null and false are skipped
 * @param {(Node | string)[]} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes))
    if (typeof value === "function") made.addEventListener(name, value);
    else setAttribute(made, name, value);
  made.append(...children);
  return made;
}

/** @param {Element} target @param {string} name @param {any} value null and false remove the attribute */
export function setAttribute(target, name, value) {
  if (value == null || value === false) target.removeAttribute(name);
  else target.setAttribute(name, value === true ? "" : value);
}

/** @param {string} path */
export function icon(path) {
  const svg = document.createElementNS(SVG, "svg");
  const stroke = document.createElementNS(SVG, "path");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  stroke.setAttribute("d", path);
  svg.append(stroke);
  return svg;
}

/** Set the text only if it differs, so that a live region is not announced twice. @param {Node} target @param {string} text */
export function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}
