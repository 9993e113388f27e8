/** The number beside "Inbox" in the rail: asked for when a page opens, and each minute while it is looked at. */

const place = document.querySelector("#rail a[data-unread]");
const EVERY = 60_000;

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

ask();
setInterval(ask, EVERY);
