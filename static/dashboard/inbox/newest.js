/** The end of a thread: it stays in view for who is there, and who has scrolled up is told what came, and led back. */

import { h, setText } from "./dom.js";

const NEAR_END = 80; // px

/** @param {HTMLElement} log which scrolls */
export function newestIn(log) {
  let missed = 0;
  const toEnd = () => {
    log.scrollTop = log.scrollHeight;
  };
  const button = h("button", { type: "button", class: "plain newest", hidden: true, onclick: toEnd });
  const isAtEnd = () => log.scrollHeight - log.scrollTop - log.clientHeight < NEAR_END;

  const draw = () => {
    if (isAtEnd()) missed = 0;
    button.hidden = isAtEnd();
    setText(button, missed ? `${missed} new ↓` : "Newest ↓");
  };
  log.addEventListener("scroll", draw);

  return {
    button,
    isAtEnd,
    toEnd,
    /** @param {number} count of entries that came below what is seen */
    miss(count) {
      missed += count;
      draw();
    },
  };
}
