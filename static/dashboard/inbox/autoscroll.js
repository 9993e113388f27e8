/**
 * Keep the end of a thread in view while the reader is there. For a reader who has scrolled up, a button counts the new entries
 * and leads back to the end.
 */

import { h, setText } from "./dom.js";

const NEAR_END = 80; // px

/** @param {{log: HTMLElement}} options log: the scrolling element */
export function createAutoscroll({ log }) {
  let missed = 0;
  let wasAtEnd = true;
  let height = 0;
  const toEnd = () => {
    log.scrollTop = log.scrollHeight;
  };
  const button = h("button", { type: "button", class: "button small newest", hidden: true, click: toEnd });
  const isAtEnd = () => log.scrollHeight - log.scrollTop - log.clientHeight < NEAR_END;

  const draw = () => {
    wasAtEnd = isAtEnd();
    if (wasAtEnd) missed = 0;
    button.hidden = wasAtEnd;
    setText(button, missed ? `${missed} new ↓` : "Newest ↓");
  };
  // When the composer grows, a reader at the end stays there. Scroll events that the resize causes are not the reader's.
  new ResizeObserver(() => {
    height = log.clientHeight;
    if (wasAtEnd) toEnd();
  }).observe(log);
  log.addEventListener("scroll", () => log.clientHeight === height && draw());

  return {
    button,
    isAtEnd,
    toEnd,
    /** @param {number} count the number of new entries below the visible ones */
    miss(count) {
      missed += count;
      draw();
    },
  };
}
