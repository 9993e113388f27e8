import { markup, plainText } from "../../../static/shared/markup/markup.js";
import ATTACHMENTS from "./attachments.css";
import { createAttachments } from "./attachments.js";
import { contextOf } from "./context.js";
import { redeemMagicLink } from "./magic-link.js";
import MARKUP from "./markup.css";
import RATING from "./rating.css";
import { createRating } from "./rating.js";

/** The parts that not every visitor needs, in a separate script that is fetched when it is first needed. */
export { ring } from "./sound.js";

/**
 * @typedef {object} Options
 * @property {string} widgetId
 * @property {import("./api.js").Api["call"]} call
 * @property {() => string | undefined} token
 * @property {import("./texts.js").Texts["t"]} t
 * @property {string} locale
 * @property {ShadowRoot} root
 * @property {HTMLElement} chat
 * @property {HTMLElement} composer
 * @property {(body: string, more: Partial<import("./outbox.js").Entry>) => void} add adds an entry to the outbox
 * @property {import("./storage.js").Store} store
 * @property {() => void} attach sends the identity of the person signed in on the page to the server
 *
 * @typedef {ReturnType<typeof start>} Parts
 */

/** @param {Options} options */
export function start(options) {
  const { widgetId, call, token, root } = options;

  /** Run a mutation over HTTP, which works even where WebSockets are blocked. @type {import("./rating.js").Mutate} */
  const mutate = async (path, args) => {
    const body = { path, args: { visitorToken: token(), widgetId, ...args } };
    const { status, errorMessage } = await call("../../api/mutation", { body });
    if (status !== "success") throw new Error(errorMessage);
  };

  const sheet = new CSSStyleSheet();
  sheet.replaceSync(ATTACHMENTS + MARKUP + RATING);
  root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet];
  const rating = createRating(options, mutate);
  let isContextSent = false;

  return {
    ...createAttachments(options),

    /** @param {string} code */
    redeemMagicLink: (code) => redeemMagicLink(options, code),

    /** @param {import("./api.js").Thread} [value] missing until the thread has loaded */
    draw(value) {
      showTexts(root);
      rating.draw(value?.rating);
      if (value && !isContextSent) mutate("widget:tell", contextOf()).catch(() => {});
      isContextSent = Boolean(value);
    },
  };
}

/**
 * Show the links of new messages, and the Markdown of those that the visitor has not written. What is in view stays in its place.
 * @param {ShadowRoot} root the texts of new messages have the class "body" in it
 */
function showTexts(root) {
  const texts = root.querySelectorAll(".body");
  const scroller = root.querySelector(".scroller");
  if (!texts.length || !scroller) return;
  const { top } = scroller.getBoundingClientRect();
  const messages = [...scroller.querySelectorAll(".message")];
  const inView = messages.find((message) => message.getBoundingClientRect().bottom > top);
  const topOf = () => inView?.getBoundingClientRect().top ?? 0;
  const before = topOf();
  for (const text of texts) {
    const body = text.textContent ?? "";
    text.replaceChildren(...(text.matches(".own .body") ? plainText(body) : markup(body)));
    text.classList.remove("body");
  }
  scroller.scrollTop += topOf() - before;
}
