/** The views with their counts, and the filters of the list. */

import { byId, h, setAttribute, setText } from "./dom.js";

/** @typedef {import("./dom.js").Person} Person */

export const VIEWS = /** @type {const} */ ([
  { name: "mine", label: "Mine", query: { status: "open", assignee: "me" } },
  { name: "unassigned", label: "Unassigned", query: { status: "open", assignee: "none" } },
  { name: "open", label: "Open", query: { status: "open" } },
  { name: "snoozed", label: "Snoozed", query: { status: "snoozed" } },
  { name: "resolved", label: "Resolved", query: { status: "resolved" } },
  { name: "closed", label: "Closed", query: { status: "closed" } },
]);
const MANY = 1000;
const PAUSE = 200;

/** @param {(query: Record<string, string>) => void} onChange */
export function filtersOf(onChange) {
  let view = /** @type {(typeof VIEWS)[number]} */ (VIEWS[2]);
  let pause = 0;
  const counts = /** @type {Record<string, HTMLElement>} */ ({});
  const buttons = VIEWS.map((each) => {
    counts[each.name] = h("span", { class: "count" });
    return h("button", { type: "button", onclick: () => turnTo(each) }, each.label, " ", counts[each.name]);
  });
  const search = h("input", {
    type: "search",
    placeholder: "Search (/)",
    "aria-label": "Search names, e-mails and messages",
    maxlength: 200,
  });
  const brand = h("select", { "aria-label": "Brand" });
  const assignee = h("select", { "aria-label": "Assignee" });
  const tag = h("select", { "aria-label": "Tag" });
  byId("views").append(...buttons);
  byId("filters").append(search, brand, assignee, tag);

  const changed = () => {
    const isFinding = Boolean(search.value.trim());
    const query = {
      ...(isFinding ? {} : view.query), // a search is over all of them
      ...(isFinding && { q: search.value.trim().toWellFormed() }),
      ...(brand.value && { brandId: brand.value }),
      ...(assignee.value && { assignee: assignee.value }),
      ...(tag.value && { tagId: tag.value }),
    };
    for (const [place, button] of buttons.entries())
      setAttribute(button, "aria-current", !isFinding && VIEWS[place] === view ? "true" : null);
    onChange(query);
  };

  /** @param {(typeof VIEWS)[number]} next */
  const turnTo = (next) => {
    view = next;
    search.value = "";
    changed();
  };

  search.addEventListener("input", () => {
    clearTimeout(pause);
    pause = setTimeout(changed, PAUSE);
  });
  search.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Escape" && search.value) {
      search.value = "";
      changed();
    } else if (event.key === "Enter" || event.key === "ArrowDown") byId("list").focus();
    else return;
    event.preventDefault();
  });
  for (const select of [brand, assignee, tag]) select.addEventListener("change", changed);

  /** @param {any} select @param {string} all @param {Person[]} choices */
  const fill = (select, all, choices) => {
    const before = select.value;
    select.replaceChildren(
      h("option", { value: "" }, all),
      ...choices.map(({ _id, name }) => h("option", { value: _id }, name)),
    );
    select.value = choices.some(({ _id }) => _id === before) ? before : "";
    select.hidden = !choices.length;
    if (select.value !== before) changed();
  };

  return {
    begin: changed,
    focus: () => search.focus(),
    /** @param {Record<string, number>} now */
    count(now) {
      for (const { name } of VIEWS) setText(counts[name], now[name] >= MANY ? "999+" : String(now[name]));
    },
    /** @param {Person[]} brands */
    brands: (brands) => fill(brand, "All brands", brands.length > 1 ? brands : []),
    /** @param {Person[]} people */
    people: (people) =>
      fill(assignee, "Anybody", [{ _id: "me", name: "Me" }, { _id: "none", name: "Nobody" }, ...people]),
    /** @param {Person[]} tags */
    tags: (tags) => fill(tag, "All tags", tags),
  };
}
