/** A line over the page that goes again by itself: why something could not be done. */

import { byId, setText } from "./dom.js";

const FOR = 8000;
let timer = 0;

/** @param {string} text */
export const showToast = (text) => {
  const line = byId("toast");
  setText(line, text);
  line.hidden = false;
  clearTimeout(timer);
  timer = setTimeout(hide, FOR);
};

const hide = () => {
  byId("toast").hidden = true;
  setText(byId("toast"), "");
};

byId("toast").addEventListener("click", hide);
