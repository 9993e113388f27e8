import { element, ICONS, icon } from "./dom.js";

const MOST_ROWS = 5;
const TYPING_AGAIN = 5000;

/**
 * Where a visitor writes.
 *
 * @param {import("./texts.js").Texts} texts
 * @param {(body: string) => void} onSend
 * @param {(isTyping: boolean) => void} onTyping true again every 5 s while typing, false once it is emptied
 */
export function createComposer({ say }, onSend, onTyping) {
  const input = element("textarea", {
    rows: "1",
    placeholder: say("placeholder"),
    "aria-label": say("message"),
    input: change,
    keydown: press,
  });
  const button = element("button", { class: "send", "aria-label": say("send"), click: send }, icon(ICONS.send));
  const box = element("div", { class: "composer" }, input, button);
  const touch = matchMedia("(pointer: coarse)");
  let typedAt = 0;

  function change() {
    button.disabled = !input.value.trim();
    input.rows = 1;
    while (input.rows < MOST_ROWS && input.scrollHeight > input.clientHeight) input.rows++;
    const isTyping = !button.disabled;
    if (isTyping ? Date.now() - typedAt < TYPING_AGAIN : !typedAt) return;
    typedAt = isTyping ? Date.now() : 0;
    onTyping(isTyping);
  }

  function send() {
    const body = input.value.trim();
    if (!body) return;
    onSend(body);
    input.value = "";
    change();
    input.focus();
  }

  /** Enter sends, where a keyboard has another way to begin a line. @param {KeyboardEvent} event */
  function press(event) {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || touch.matches) return;
    event.preventDefault();
    send();
  }

  button.disabled = true;
  return {
    box,
    /** @param {string} [text] replaces what stands there */
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
