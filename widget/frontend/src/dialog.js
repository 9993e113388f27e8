import { element, ICONS, icon, setAttribute, setText } from "./dom.js";

/** As in views.css: at this width the panel covers the page. */
const PHONE = "(max-width: 480px)";

const REACHABLE = "a, button:enabled, textarea, input:not([tabindex])";

/**
 * Create the dialog: a header in the brand's colour, a line for problems, and one of two views (the form or the chat).
 *
 * @param {import("./api.js").Config} config
 * @param {import("./texts.js").Texts} texts
 * @param {HTMLElement[]} rooms
 * @param {() => void} onClose
 */
export function createDialog({ brand }, { say, moment }, rooms, onClose) {
  const status = element("p", { class: "presence" });
  const notice = element("p", { class: "notice", role: "status", hidden: true });
  const header = element(
    "header",
    {},
    element("span", { class: "face", "aria-hidden": "true" }, [...brand.name][0] ?? ""),
    element("div", { class: "title" }, element("h2", {}, brand.name), status),
    element("button", { class: "close", "aria-label": say("close"), click: onClose }, icon(ICONS.close)),
  );
  const panel = element(
    "section",
    {
      class: "panel",
      role: "dialog",
      "aria-label": say("title"),
      tabindex: "-1",
      hidden: true,
      keydown: press,
    },
    header,
    notice,
    ...rooms,
  );
  const phone = matchMedia(PHONE);

  /** @param {KeyboardEvent} event */
  function press(event) {
    if (event.key === "Escape" && !event.isComposing) onClose();
    if (event.key !== "Tab" || !phone.matches) return;
    event.preventDefault();
    const stops = /** @type {HTMLElement[]} */ ([...panel.querySelectorAll(REACHABLE)]).filter(
      (one) => one.getClientRects().length,
    );
    const { activeElement } = /** @type {ShadowRoot} */ (panel.getRootNode());
    const now = stops.indexOf(/** @type {HTMLElement} */ (activeElement)); // -1 if the panel itself has the focus
    stops.at(event.shiftKey ? Math.max(now, 0) - 1 : (now + 1) % stops.length)?.focus();
  }

  // A phone's keyboard covers fixed elements at the bottom, so the panel shrinks to the visible height.
  globalThis.visualViewport?.addEventListener("resize", () => {
    const { height, scale } = /** @type {VisualViewport} */ (visualViewport);
    panel.style.height = phone.matches ? `${height * scale}px` : "";
  });

  return {
    panel,
    isPhone: () => phone.matches,
    /** @param {boolean} isOpen */
    show(isOpen) {
      panel.hidden = !isOpen;
      setAttribute(panel, "aria-modal", isOpen && phone.matches && "true");
    },
    /** @param {HTMLElement} room @param {string} trouble @param {{online: boolean, opensAt: number | null}} presence */
    draw(room, trouble, { online, opensAt }) {
      for (const one of rooms) one.hidden = one !== room;
      notice.hidden = !trouble;
      setText(notice, trouble);
      setText(status, online ? say("online") : opensAt ? say("awayUntil", { time: moment(opensAt) }) : say("away"));
      setAttribute(status, "data-online", online);
    },
  };
}
