import { element } from "../../../static/shared/dom.js";
import { createComposer } from "./composer.js";
import { createDialog } from "./dialog.js";
import { createForm } from "./form.js";
import { createLauncher } from "./launcher.js";
import { createMessageList } from "./message-list.js";
import { createSheet } from "./styles.js";

/** The most times that the widget reinserts itself. After that, the widget stays removed. */
const MAX_REINSERTIONS = 20;

/**
 * Create the widget's elements under one host element. The host is a sibling of <body>, because a page may replace its <body>.
 *
 * @param {import("./api.js").Config} config
 * @param {import("./texts.js").Texts} texts
 * @param {object} on
 * @param {() => void} on.toggle
 * @param {() => void} on.close
 * @param {(form: import("./api.js").Form, message: string) => void} on.submit
 * @param {(body: string) => void} on.send
 * @param {(isTyping: boolean) => void} on.typing
 * @param {(key: string) => void} on.retry
 * @param {(key: string) => void} on.remove
 * @param {() => void} on.older
 * @param {(place: HTMLElement, file: import("./api.js").Attachment, key: string) => void} on.file
 * @param {() => void} on.bottom
 */
export function createView(config, texts, on) {
  const form = createForm(config, texts, on.submit);
  const log = createMessageList(texts, on);
  const composer = createComposer(texts, on.send, on.typing);
  const chat = element("div", { class: "room" }, log.box, composer.box);
  const dialog = createDialog(config, texts, [form.element, chat], on.close);
  const launcher = createLauncher(texts, on.toggle);

  const host = element("div", { id: "praxtalk" });
  const root = host.attachShadow({ mode: "open" });
  root.adoptedStyleSheets = [createSheet(config.brand.color)];
  root.append(
    element(
      "div",
      { class: `root ${config.side}`, dir: config.dir, lang: config.locale },
      dialog.element,
      launcher.button,
      launcher.status,
    ),
  );
  // The page's shortcuts must not fire while the visitor types, and the page's dialogs must not take the focus back.
  for (const type of ["keydown", "keypress", "keyup", "focusin"])
    root.addEventListener(type, (event) => event.stopPropagation());

  let reinsertions = 0;
  const reinsert = () => {
    if (!host.isConnected && reinsertions++ < MAX_REINSERTIONS) document.documentElement.append(host);
  };
  reinsert();
  new MutationObserver(reinsert).observe(document.documentElement, { childList: true });

  return { host, root, form, log, composer, chat, dialog, launcher };
}
