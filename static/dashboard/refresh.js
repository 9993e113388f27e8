/**
 * Keep parts of a page up to date: reload each element with `data-refresh` and an id every two seconds while the page is
 * visible. An element that contains the focus is not replaced. `<details>` keep their open state.
 */

const INTERVAL = 2000;

const parts = () => /** @type {HTMLElement[]} */ ([...document.querySelectorAll("[data-refresh][id]")]);

const refresh = async () => {
  if (!parts().length) return;
  if (!document.hidden) {
    try {
      const response = await fetch(location.href, { headers: { Accept: "text/html" }, redirect: "error" });
      if (response.ok) replace(new DOMParser().parseFromString(await response.text(), "text/html"));
    } catch {
      // the server is unreachable: retried in two seconds
    }
  }
  setTimeout(refresh, INTERVAL);
};

/** @param {Document} fresh */
const replace = (fresh) => {
  for (const part of parts()) {
    const next = fresh.getElementById(part.id);
    if (!next || part.contains(document.activeElement)) continue;
    keepOpen(part, next);
    if (part.textContent !== next.textContent) part.replaceWith(next);
  }
};

/** @param {HTMLElement} part @param {HTMLElement} next */
const keepOpen = (part, next) => {
  const before = [...part.querySelectorAll("details")];
  const after = [...next.querySelectorAll("details")];
  for (const [index, one] of after.reverse().entries()) {
    const same = before[before.length - 1 - index];
    if (same) one.open = same.open;
  }
};

if (!location.hash && document.querySelector("[data-refresh]")) setTimeout(refresh, INTERVAL);
