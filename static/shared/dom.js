/**
 * Helpers that the inbox and the widget share. They create elements without an HTML parser, so that content from visitors is
 * never parsed as markup, and neither a Content-Security-Policy nor Trusted Types can block them.
 */

/**
 * Create an element.
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

/** Set the text only if it differs, so that a live region is not announced twice. @param {Node} target @param {string} text */
export function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}
