/** The navigation: scroll the current entry into view on phones, and show the number of unread conversations beside "Inbox". */

const place = document.querySelector("#rail a[data-unread]");
const EVERY = 60_000;

/** Update the badge. Runs when a page opens, and every minute while the page is visible. */
const ask = async () => {
  if (document.hidden || !(place instanceof HTMLElement)) return;
  try {
    const answer = await fetch(place.dataset.unread ?? "", { redirect: "error" });
    const { unread } = await answer.json();
    const badge = /** @type {HTMLElement} */ (place.querySelector(".badge"));
    badge.textContent = unread ? `${unread} unread` : "";
  } catch {
    // signed out, or the server is unreachable: retried in a minute
  }
};

document.querySelector("#rail [aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });
ask();
setInterval(ask, EVERY);
