/** Icons, drawn as SVG elements. */

const SVG = "http://www.w3.org/2000/svg";

/** Paths of the icons, in a view box of 24 x 24. */
export const ICONS = {
  chat: "M4 20l1-5a8 7 0 1 1 4 4z",
  close: "M6 6l12 12M18 6L6 18",
  send: "M12 20V5M5 12l7-7 7 7",
};

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
