/** Single-key shortcuts for working without a mouse. They are inactive in text fields, and operators can turn them off. */

import { byId, isComposing } from "./dom.js";

/** The shortcuts with their descriptions, as the help shows them. */
export const KEYS = [
  ["j, k", "next, previous conversation"],
  ["Enter", "open it"],
  ["r", "reply"],
  ["n", "note"],
  ["e", "resolve or reopen"],
  ["z", "snooze"],
  ["a", "assign"],
  ["i", "assign to me"],
  ["t", "tags"],
  ["l", "create a lead"],
  ["u", "mark as unread"],
  ["x", "select; the keys e, z, a, i and t then act on all selected conversations"],
  ["Shift+X", "select all conversations of the list"],
  ["/", "search"],
  ["Ctrl+Enter", "send"],
  ["Ctrl+Shift+Enter", "send and resolve"],
  ["Ctrl+B, Ctrl+I, Ctrl+E", "bold, italic, code"],
  ["Esc", "leave the text field; clear the selection"],
  ["?", "this help"],
];

const REPEATED = new Set(["j", "k"]); // keys that repeat while held down

const isDialogOpen = () => /** @type {HTMLDialogElement} */ (byId("dialog")).open;

const isWriting = () => {
  const { activeElement } = document;
  return activeElement instanceof HTMLElement && activeElement.matches("input, textarea, select, [contenteditable]");
};

/**
 * @param {object} options
 * @param {() => boolean} options.isEnabled whether the operator has enabled shortcuts; "?" works in any case
 * @param {Record<string, () => void>} options.actions by key
 */
export function createShortcuts({ isEnabled, actions }) {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || isComposing(event) || event.metaKey || event.ctrlKey || event.altKey) return;
    if (isWriting() || isDialogOpen() || (!isEnabled() && event.key !== "?")) return;
    const isOnControl = document.activeElement?.matches("button, a, summary");
    if (event.key === "Enter" && isOnControl) return;
    const action = actions[event.key];
    if (!action || (event.repeat && !REPEATED.has(event.key))) return;
    event.preventDefault();
    action();
  });
}
