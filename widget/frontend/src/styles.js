import VIEWS from "./views.css";
import WIDGET from "./widget.css";

/**
 * Return black or white, whichever has more contrast with the colour. The exponent 2.2 approximates the sRGB curve of WCAG 2;
 * the contrast is above 4.5 in any case.
 *
 * @param {string} color #rrggbb
 */
export function readable(color) {
  const [red, green, blue] = [1, 3, 5].map((at) => (Number.parseInt(color.slice(at, at + 2), 16) / 255) ** 2.2);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 ? "#000" : "#fff";
}

/** Create the widget's style sheet. @param {string} brand the brand's colour; the database only accepts #rrggbb */
export function createSheet(brand) {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(`${WIDGET}${VIEWS}.root{--brand:${brand};--on:${readable(brand)}}`);
  return sheet;
}
