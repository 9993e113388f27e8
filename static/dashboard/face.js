/** Faces: circles with initials, in a colour derived from an id. praxtalk/core/dashboard/templatetags/components.py does the same. */

const SVG = "http://www.w3.org/2000/svg";
const HUES = 24;

/** Return the CRC-32 of the text in UTF-8. @param {string} text */
const crc32 = (text) => {
  let crc = -1;
  for (const byte of new TextEncoder().encode(text)) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
};

/** Return a colour on which white text is readable. @param {string} id */
export const faceColor = (id) => `hsl(${Math.floor(((crc32(id) % HUES) * 360) / HUES)} 45% 32%)`;

/** Return the first letters of the first and the last word of the name, or "?" if it has none. @param {string} name */
export const initialsOf = (name) => {
  const words = name.split(/\s+/u).filter((word) => /^[\p{L}\p{N}]/u.test(word));
  const chosen = words.length > 1 ? [words[0], words[words.length - 1]] : words;
  return (
    chosen
      .map((word) => String.fromCodePoint(/** @type {number} */ (word.codePointAt(0))))
      .join("")
      .toUpperCase() || "?"
  );
};

/** @param {string} tag @param {Record<string, string>} attributes */
const svg = (tag, attributes) => {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
};

/**
 * Create a face. Screen readers skip it, because the name stands beside it.
 * @param {string} name @param {string} id @param {number} [size] its diameter in pixels: 20, 28 or 36
 */
export const createFace = (name, id, size = 28) => {
  const face = svg("svg", {
    class: "face",
    viewBox: "0 0 36 36",
    width: `${size}`,
    height: `${size}`,
    "aria-hidden": "true",
  });
  const text = svg("text", { x: "18", y: "18", "dominant-baseline": "central" });
  text.textContent = initialsOf(name);
  face.append(svg("circle", { cx: "18", cy: "18", r: "18", fill: faceColor(id) }), text);
  return face;
};

/** Give a face the initials of another name. @param {Element} face @param {string} name */
export const renameFace = (face, name) => {
  const text = face.querySelector("text");
  const initials = initialsOf(name);
  if (text && text.textContent !== initials) text.textContent = initials;
};
