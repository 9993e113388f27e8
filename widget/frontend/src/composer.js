import { element } from "../../../static/shared/dom.js";
import { isComposing, sendable } from "../../../static/shared/text.js";
import { ICONS, icon } from "./icons.js";

const MAX_ROWS = 5;
const TYPING_INTERVAL = 5000;

/**
 * Create the field in which a visitor writes messages, with its send button.
 *
 * @param {import("./texts.js").Texts} texts
 * @param {(body: string) => void} onSend
 * @param {(isTyping: boolean) => void} onTyping called with true at most every 5 s while typing, with false once it is empty
 */
export function createComposer({ t }, onSend, onTyping) {
  const input = element("textarea", {
    rows: "1",
    placeholder: t("placeholder"),
    "aria-label": t("message"),
    input: change,
    keydown: press,
  });
  const button = element("button", { class: "send", "aria-label": t("send"), click: send }, icon(ICONS.send));
  const box = element("div", { class: "composer" }, input, button);
  const touch = matchMedia("(pointer: coarse)");
  let typedAt = 0;

  function change() {
    button.disabled = !sendable(input.value);
    input.rows = 1;
    while (input.rows < MAX_ROWS && input.scrollHeight > input.clientHeight) input.rows++;
    const isTyping = !button.disabled;
    if (isTyping ? Date.now() - typedAt < TYPING_INTERVAL : !typedAt) return;
    typedAt = isTyping ? Date.now() : 0;
    onTyping(isTyping);
  }

  function send() {
    const body = sendable(input.value);
    if (!body) return;
    onSend(body);
    input.value = "";
    change();
    input.focus();
  }

  /** Send on Enter, except with a touch screen, whose keyboard has no other key for a line break. @param {KeyboardEvent} event */
  function press(event) {
    if (event.key !== "Enter" || event.shiftKey || isComposing(event) || touch.matches) return;
    event.preventDefault();
    send();
  }

  button.disabled = true;
  return {
    box,
    /** Return the text of the field. @param {string} [text] replaces it */
    text(text) {
      const before = input.value.trim();
      if (text != null) {
        input.value = text;
        change();
      }
      return before;
    },
    focus: () => input.focus(),
  };
}
