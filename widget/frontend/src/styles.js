import ROOMS from "./views.css";
import WIDGET from "./widget.css";

/**
 * Black or white, whichever reads better on it. The exponent stands for the curve of sRGB in WCAG 2; either way the
 * contrast stays above 4.5.
 *
 * @param {string} color #rrggbb
 */
export function readable(color) {
  const [red, green, blue] = [1, 3, 5].map((at) => (Number.parseInt(color.slice(at, at + 2), 16) / 255) ** 2.2);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 ? "#000" : "#fff";
}

/** @param {string} brand its colour, #rrggbb: the database holds no other */
export function createSheet(brand) {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(`${WIDGET}${ROOMS}.root{--brand:${brand};--on:${readable(brand)}}`);
  return sheet;
}
