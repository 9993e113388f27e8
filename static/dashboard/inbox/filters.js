/** The list's views with their counts, its filters and its search. */

import { byId, h, setAttribute, setText } from "./dom.js";

/** @typedef {import("./dom.js").Person} Person */

const VIEWS = /** @type {const} */ ([
  { name: "mine", label: "Mine", query: { status: "open", assignee: "me" } },
  { name: "unassigned", label: "Unassigned", query: { status: "open", assignee: "none" } },
  { name: "open", label: "Open", query: { status: "open" } },
  { name: "snoozed", label: "Snoozed", query: { status: "snoozed" } },
  { name: "resolved", label: "Resolved", query: { status: "resolved" } },
  { name: "closed", label: "Closed", query: { status: "closed" } },
]);
const MANY = 1000;
const PAUSE = 200;

/**
 * Create the filters. View, brand, assignee and tag are part of the page's URL, for reloads and links. A search is not, because
 * it names people.
 * @param {(query: Record<string, string>) => void} onChange
 */
export function createFilters(onChange) {
  let view = /** @type {(typeof VIEWS)[number]} */ (VIEWS[2]);
  const picked = { brand: "", assignee: "", tag: "" };
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
  const selects = {
    brand: h("select", { "aria-label": "Brand" }),
    assignee: h("select", { "aria-label": "Assignee" }),
    tag: h("select", { "aria-label": "Tag" }),
  };
  const names = /** @type {(keyof typeof picked)[]} */ (Object.keys(picked));
  byId("views").append(...buttons);
  byId("filters").append(search, ...Object.values(selects));

  const changed = () => {
    clearTimeout(pause);
    pause = 0;
    const isFinding = Boolean(search.value.trim());
    const query = {
      ...(isFinding ? {} : view.query), // a search covers all views
      ...(isFinding && { q: search.value.trim().toWellFormed() }),
      ...(picked.brand && { brandId: picked.brand }),
      ...(picked.assignee && { assignee: picked.assignee }),
      ...(picked.tag && { tagId: picked.tag }),
    };
    for (const [place, button] of buttons.entries())
      setAttribute(button, "aria-current", !isFinding && VIEWS[place] === view ? "true" : null);
    onChange(query);
  };

  const readAddress = () => {
    const address = new URLSearchParams(location.search);
    view = VIEWS.find(({ name }) => name === address.get("view")) ?? VIEWS[2];
    for (const name of names) selects[name].value = picked[name] = address.get(name) ?? "";
    changed();
  };

  const writeAddress = () => {
    const said = names.filter((name) => picked[name]).map((name) => [name, picked[name]]);
    const address = new URLSearchParams(view === VIEWS[2] ? said : [["view", view.name], ...said]);
    history.replaceState(null, "", location.pathname + (address.size ? `?${address}` : ""));
  };

  const pick = () => {
    for (const name of names) selects[name].value = picked[name];
    writeAddress();
    changed();
  };

  /** @param {(typeof VIEWS)[number]} next */
  const turnTo = (next) => {
    view = next;
    search.value = "";
    if ("assignee" in next.query) picked.assignee = "";
    pick();
  };

  search.addEventListener("input", () => {
    clearTimeout(pause);
    pause = setTimeout(changed, PAUSE);
  });
  search.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.isComposing) return;
    if (event.key === "Escape" && search.value) {
      search.value = "";
      changed();
    } else if (["Enter", "ArrowDown", "Escape"].includes(event.key)) {
      if (pause) changed();
      byId("list").focus();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  });
  for (const name of names)
    selects[name].addEventListener("change", () => {
      picked[name] = selects[name].value;
      if (name === "assignee" && picked.assignee && "assignee" in view.query) view = VIEWS[2];
      pick();
    });

  /** @param {keyof typeof picked} name @param {string} all @param {Person[]} choices */
  const offer = (name, all, choices) => {
    const select = selects[name];
    select.replaceChildren(
      h("option", { value: "" }, all),
      ...choices.map(({ _id, name }) => h("option", { value: _id }, name)),
    );
    select.hidden = !choices.length;
    const isKnown = !picked[name] || choices.some(({ _id }) => _id === picked[name]);
    if (isKnown) select.value = picked[name];
    else {
      picked[name] = "";
      pick();
    }
  };

  return {
    readAddress,
    focus: () => search.focus(),
    /** @param {Record<string, number>} now */
    count(now) {
      for (const { name } of VIEWS) setText(counts[name], now[name] >= MANY ? "999+" : String(now[name]));
    },
    /** @param {Person[]} brands */
    brands: (brands) => offer("brand", "All brands", brands.length > 1 ? brands : []),
    /** @param {Person[]} people */
    people: (people) =>
      offer("assignee", "Anybody", [{ _id: "me", name: "Me" }, { _id: "none", name: "Nobody" }, ...people]),
    /** @param {Person[]} tags */
    tags: (tags) => offer("tag", "All tags", tags),
  };
}
