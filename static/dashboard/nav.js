/** The rail: where one is, is in view on a phone too; beside "Inbox", how many conversations are unread. */

const place = document.querySelector("#rail a[data-unread]");
const EVERY = 60_000;

/** When a page opens, and each minute while it is looked at. */
const ask = async () => {
  if (document.hidden || !(place instanceof HTMLElement)) return;
  try {
    const answer = await fetch(place.dataset.unread ?? "", { redirect: "error" });
    const { unread } = await answer.json();
    const badge = /** @type {HTMLElement} */ (place.querySelector(".badge"));
    badge.textContent = unread ? `${unread} unread` : "";
  } catch {
    // signed out, or out of reach: asked again
  }
};

document.querySelector("#rail [aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });
ask();
setInterval(ask, EVERY);
