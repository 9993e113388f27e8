/** Single-key shortcuts for working without a mouse. They are inactive in text fields, and operators can turn them off. */

import { byId } from "./dom.js";

/** The shortcuts with their descriptions, as the help shows them. */
export const KEYS = [
  ["j, k", "next, previous conversation"],
  ["Enter", "open it"],
  ["r", "reply"],
  ["n", "note"],
  ["e", "resolve, or reopen"],
  ["z", "snooze"],
  ["a", "assign"],
  ["i", "assign to me"],
  ["t", "tags"],
  ["l", "create a lead"],
  ["x", "choose for a change of many"],
  ["/", "search"],
  ["Ctrl+Enter", "send"],
  ["Ctrl+Shift+Enter", "send and resolve"],
  ["Esc", "leave what you write in; choose none"],
  ["?", "this help"],
];

const REPEATED = new Set(["j", "k"]); // keys that repeat while held down

const isWriting = () => {
  const { activeElement } = document;
  return activeElement instanceof HTMLElement && activeElement.matches("input, textarea, select, [contenteditable]");
};

/**
 * @param {() => boolean} areOn whether the operator has shortcuts enabled; "?" works in any case
 * @param {Record<string, () => void>} does the actions by key
 */
export const listenToKeys = (areOn, does) => {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.metaKey || event.ctrlKey || event.altKey) return;
    if (isWriting() || byId("dialog").open || (!areOn() && event.key !== "?")) return;
    const isOnControl = document.activeElement?.matches("button, a, summary");
    if (event.key === "Enter" && isOnControl) return;
    const doIt = does[event.key];
    if (!doIt || (event.repeat && !REPEATED.has(event.key))) return;
    event.preventDefault();
    doIt();
  });
};
