/** The frame of every page: unread count, theme, rail, and menus that close when one clicks elsewhere. */

import { showUnread } from "./badge.js";

const INTERVAL_MS = 60_000;
const root = document.documentElement;

/** Store a setting of this browser. @param {string} key @param {string} value */
const store = (key, value) => {
  try {
    localStorage.setItem(key, value);
  } catch {
    // the browser blocks storage: the setting lasts until the next page
  }
};

const inbox = /** @type {HTMLElement | null} */ (document.querySelector("#nav [data-unread]"));

/** Update the badge. Runs when a page opens, and every minute while the page is visible. */
const updateBadge = async () => {
  if (document.hidden || !inbox) return;
  try {
    const response = await fetch(inbox.dataset.unread ?? "", { redirect: "error" });
    const { unread } = await response.json();
    showUnread(unread);
  } catch {
    // signed out, or the server is unreachable: retried in a minute
  }
};

const themeButtons = /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-set-theme]"));

const showTheme = () => {
  for (const button of themeButtons) {
    button.setAttribute("aria-pressed", String(button.dataset.setTheme === root.dataset.theme));
  }
};

for (const button of themeButtons) {
  button.addEventListener("click", () => {
    root.dataset.theme = button.dataset.setTheme;
    store("theme", button.dataset.setTheme ?? "auto");
    showTheme();
  });
}

const railButton = document.querySelector("[data-toggle-rail]");

const showRail = () => {
  railButton?.setAttribute(
    "aria-label",
    root.dataset.rail === "collapsed" ? "Expand the navigation" : "Collapse the navigation",
  );
};

railButton?.addEventListener("click", () => {
  root.dataset.rail = root.dataset.rail === "collapsed" ? "expanded" : "collapsed";
  store("rail", root.dataset.rail);
  showRail();
});

/** Close the open menus, except those that contain the element. @param {EventTarget | null} [element] */
const closeMenus = (element) => {
  for (const menu of /** @type {NodeListOf<HTMLDetailsElement>} */ (document.querySelectorAll("details.menu[open]"))) {
    if (!(element instanceof Node && menu.contains(element))) menu.open = false;
  }
};

addEventListener("click", (event) => closeMenus(event.target));
addEventListener("keydown", (event) => {
  const menu = /** @type {HTMLDetailsElement | null} */ (document.querySelector("details.menu[open]"));
  if (event.key !== "Escape" || !menu) return;
  menu.open = false;
  /** @type {HTMLElement | null} */ (menu.querySelector("summary"))?.focus();
});

showTheme();
showRail();
updateBadge();
setInterval(updateBadge, INTERVAL_MS);
