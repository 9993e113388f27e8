/** The end of a thread: it stays in view for who is there, and who has scrolled up is told what came, and led back. */

import { h, setText } from "./dom.js";

const NEAR_END = 80; // px

/** @param {HTMLElement} log which scrolls */
export function createAutoscroll(log) {
  let missed = 0;
  let wasAtEnd = true;
  let height = 0;
  const toEnd = () => {
    log.scrollTop = log.scrollHeight;
  };
  const button = h("button", { type: "button", class: "plain newest", hidden: true, onclick: toEnd });
  const isAtEnd = () => log.scrollHeight - log.scrollTop - log.clientHeight < NEAR_END;

  const draw = () => {
    wasAtEnd = isAtEnd();
    if (wasAtEnd) missed = 0;
    button.hidden = wasAtEnd;
    setText(button, missed ? `${missed} new ↓` : "Newest ↓");
  };
  // The composer grows: who was at the end stays there. The scrolling that comes of it alone is none of the reader's.
  new ResizeObserver(() => {
    height = log.clientHeight;
    if (wasAtEnd) toEnd();
  }).observe(log);
  log.addEventListener("scroll", () => log.clientHeight === height && draw());

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
