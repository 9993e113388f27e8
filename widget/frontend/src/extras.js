import ATTACHMENTS from "./attachments.css";
import { createAttachments } from "./attachments.js";
import { contextOf } from "./context.js";
import RATING from "./rating.css";
import { createRating } from "./rating.js";
import { comeBack } from "./return.js";

/** What not everybody needs: a script of its own, fetched when it is needed first. */
export { ring } from "./sound.js";

/**
 * @typedef {object} Outside
 * @property {string} widgetId
 * @property {import("./api.js").Api["call"]} call
 * @property {() => string | undefined} token
 * @property {import("./texts.js").Texts["say"]} say
 * @property {string} locale
 * @property {ShadowRoot} root
 * @property {HTMLElement} chat
 * @property {HTMLElement} composer
 * @property {(body: string, more: Partial<import("./outbox.js").Entry>) => void} add to the outbox
 * @property {import("./storage.js").Store} store
 * @property {() => void} attach tells the server who is signed in on the page
 *
 * @typedef {ReturnType<typeof start>} Parts
 */

/** @param {Outside} outside */
export function start(outside) {
  const { widgetId, call, token, root } = outside;

  /** Over HTTP: where sockets are blocked, too. @type {import("./rating.js").Mutate} */
  const mutate = async (path, args) => {
    const body = { path, args: { visitorToken: token(), widgetId, ...args } };
    const { status, errorMessage } = await call("../../api/mutation", { body });
    if (status !== "success") throw new Error(errorMessage);
  };

  const sheet = new CSSStyleSheet();
  sheet.replaceSync(ATTACHMENTS + RATING);
  root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet];
  const rating = createRating(outside, mutate);
  let isTold = false;

  return {
    ...createAttachments(outside),

    /** @param {string} code */
    comeBack: (code) => comeBack(outside, code),

    /** @param {import("./api.js").Thread} [value] none until the thread of a visitor is there */
    draw(value) {
      rating.draw(value?.rating);
      if (value && !isTold) mutate("widget:tell", contextOf()).catch(() => {});
      isTold = Boolean(value);
    },
  };
}
