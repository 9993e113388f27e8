import { element, setAttribute, setText } from "../../../static/shared/dom.js";
import { ICONS, icon } from "./icons.js";

/** Create the round button that opens the widget. @param {import("./texts.js").Texts} texts @param {() => void} onToggle */
export function createLauncher({ t }, onToggle) {
  const badge = element("span", { class: "badge", "aria-hidden": "true", hidden: true });
  const svg = icon(ICONS.chat);
  const button = element("button", { class: "bubble", click: onToggle }, svg, badge);
  // a live region outside the button, so that screen readers announce it while the user is elsewhere on the page
  const status = element("div", { class: "unseen", role: "status" });

  return {
    button,
    status,
    /** @param {boolean} isOpen @param {number} unread */
    draw(isOpen, unread) {
      const count = unread ? t("unread", { count: unread }) : "";
      svg.firstElementChild?.setAttribute("d", isOpen ? ICONS.close : ICONS.chat);
      setAttribute(button, "aria-expanded", String(isOpen));
      setAttribute(button, "aria-label", isOpen ? t("close") : `${t("open")} ${count}`);
      badge.hidden = !unread;
      setText(badge, unread > 9 ? "9+" : String(unread));
      setText(status, isOpen ? "" : count);
    },
  };
}
