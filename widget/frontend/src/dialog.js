import { element, setAttribute, setText } from "../../../static/shared/dom.js";
import { isComposing } from "../../../static/shared/text.js";
import { ICONS, icon } from "./icons.js";

/** As in views.css: at this width the dialog covers the page. */
const PHONE = "(max-width: 480px)";

const REACHABLE = "a, button:enabled, textarea, input:not([tabindex])";

/**
 * Create the dialog: a header in the brand's colour, a line for problems, and one of two views (the form or the chat).
 *
 * @param {import("./api.js").Config} config
 * @param {import("./texts.js").Texts} texts
 * @param {HTMLElement[]} views
 * @param {() => void} onClose
 */
export function createDialog({ brand }, { t, moment }, views, onClose) {
  const status = element("p", { class: "presence" });
  const notice = element("p", { class: "notice", role: "status", hidden: true });
  const header = element(
    "header",
    {},
    element("span", { class: "face", "aria-hidden": "true" }, [...brand.name][0] ?? ""),
    element("div", { class: "title" }, element("h2", {}, brand.name), status),
    element("button", { class: "close", "aria-label": t("close"), click: onClose }, icon(ICONS.close)),
  );
  const dialog = element(
    "section",
    {
      class: "panel",
      role: "dialog",
      "aria-label": t("title"),
      tabindex: "-1",
      hidden: true,
      keydown: press,
    },
    header,
    notice,
    ...views,
  );
  const phone = matchMedia(PHONE);

  /** @param {KeyboardEvent} event */
  function press(event) {
    if (event.key === "Escape" && !isComposing(event)) onClose();
    if (event.key !== "Tab" || !phone.matches) return;
    event.preventDefault();
    const stops = /** @type {HTMLElement[]} */ ([...dialog.querySelectorAll(REACHABLE)]).filter(
      (one) => one.getClientRects().length,
    );
    const { activeElement } = /** @type {ShadowRoot} */ (dialog.getRootNode());
    const now = stops.indexOf(/** @type {HTMLElement} */ (activeElement)); // -1 if the dialog itself has the focus
    stops.at(event.shiftKey ? Math.max(now, 0) - 1 : (now + 1) % stops.length)?.focus();
  }

  // A phone's keyboard covers fixed elements at the bottom, so the dialog shrinks to the visible height.
  globalThis.visualViewport?.addEventListener("resize", () => {
    const { height, scale } = /** @type {VisualViewport} */ (visualViewport);
    dialog.style.height = phone.matches ? `${height * scale}px` : "";
  });

  return {
    element: dialog,
    isPhone: () => phone.matches,
    /** @param {boolean} isOpen */
    show(isOpen) {
      dialog.hidden = !isOpen;
      setAttribute(dialog, "aria-modal", isOpen && phone.matches && "true");
    },
    /** @param {HTMLElement} view @param {string} problem @param {{online: boolean, opensAt: number | null}} presence */
    draw(view, problem, { online, opensAt }) {
      for (const one of views) one.hidden = one !== view;
      notice.hidden = !problem;
      setText(notice, problem);
      setText(status, online ? t("online") : opensAt ? t("awayUntil", { time: moment(opensAt) }) : t("away"));
      setAttribute(status, "data-online", online);
    },
  };
}
