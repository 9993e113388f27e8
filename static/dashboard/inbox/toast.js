/** A message over the page that disappears after 8 seconds: why an action failed, or that it succeeded if that is not visible. */

import { byId, setText } from "./dom.js";

const DURATION = 8000;
let timer = 0;

/** @param {string} text @param {boolean} [isError] */
export const showToast = (text, isError = false) => {
  const line = byId("toast");
  line.classList.toggle("refused", isError);
  setText(line, text);
  line.hidden = false;
  clearTimeout(timer);
  timer = setTimeout(hide, DURATION);
};

const hide = () => {
  byId("toast").hidden = true;
  setText(byId("toast"), "");
};

byId("toast").addEventListener("click", hide);
