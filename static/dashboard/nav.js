/** The navigation: scroll the current entry into view on phones, and show the number of unread conversations beside "Inbox". */

const link = document.querySelector("#nav a[data-unread]");
const INTERVAL_MS = 60_000;

/** Update the badge. Runs when a page opens, and every minute while the page is visible. */
const update = async () => {
  if (document.hidden || !(link instanceof HTMLElement)) return;
  try {
    const response = await fetch(link.dataset.unread ?? "", { redirect: "error" });
    const { unread } = await response.json();
    const badge = /** @type {HTMLElement} */ (link.querySelector(".badge"));
    badge.textContent = unread ? `${unread} unread` : "";
  } catch {
    // signed out, or the server is unreachable: retried in a minute
  }
};

document.querySelector("#nav [aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });
update();
setInterval(update, INTERVAL_MS);
