/** The list's views with their counts, its filters and its search. */

import { byId, h, isComposing, setAttribute, setText, wellFormed } from "./dom.js";

/** @import { Counts, ListQuery, Named, ViewName } from "./types.d.ts" */

/** @type {{name: ViewName, label: string, query: ListQuery}[]} */
const VIEWS = [
  { name: "mine", label: "Mine", query: { status: "open", assignee: "me" } },
  { name: "unassigned", label: "Unassigned", query: { status: "open", assignee: "none" } },
  { name: "waiting", label: "Waiting", query: { status: "open", waiting: true } },
  { name: "open", label: "Open", query: { status: "open" } },
  { name: "snoozed", label: "Snoozed", query: { status: "snoozed" } },
  { name: "resolved", label: "Resolved", query: { status: "resolved" } },
  { name: "closed", label: "Closed", query: { status: "closed" } },
];
const DEFAULT_VIEW = /** @type {(typeof VIEWS)[number]} */ (VIEWS.find(({ name }) => name === "open"));
const LONGEST_WAITING = /** @type {const} */ ("longestWaiting"); // the other order, newest activity first, is ""
const MAX_COUNT = 1000; // the server counts no further
const SEARCH_DELAY = 200; // ms without input before a search begins

/**
 * Create the filters. View, brand, assignee, tag and order are part of the page's URL, for reloads and links. A search is not,
 * because it names people.
 * @param {{onChange: (query: ListQuery) => void}} options
 */
export function createFilters({ onChange }) {
  let view = DEFAULT_VIEW;
  const selected = { brand: "", assignee: "", tag: "", order: "" };
  let timer = 0; // of the search
  const counts = /** @type {Map<ViewName, HTMLElement>} */ (new Map());
  const buttons = VIEWS.map((each) => {
    const count = h("span", { class: "count" });
    counts.set(each.name, count);
    return h("button", { type: "button", click: () => showView(each) }, each.label, " ", count);
  });
  const search = h("input", {
    type: "search",
    placeholder: "Search (/)",
    "aria-label": "Search names, e-mails, phone numbers, messages and tags",
    maxlength: 200,
  });
  const selects = {
    brand: h("select", { "aria-label": "Brand" }),
    assignee: h("select", { "aria-label": "Assignee" }),
    tag: h("select", { "aria-label": "Tag" }),
    order: h("select", { "aria-label": "Order" }),
  };
  const names = /** @type {(keyof typeof selected)[]} */ (Object.keys(selected));
  byId("views").append(...buttons);
  byId("filters").append(search, ...Object.values(selects));

  const apply = () => {
    clearTimeout(timer);
    timer = 0;
    const text = search.value.trim();
    for (const [index, button] of buttons.entries())
      setAttribute(button, "aria-current", !text && VIEWS[index] === view ? "true" : null);
    onChange({
      ...(text ? { q: wellFormed(text) } : view.query), // a search covers all views
      ...(selected.brand && { brandId: selected.brand }),
      ...(selected.assignee && { assignee: selected.assignee }),
      ...(selected.tag && { tagId: selected.tag }),
      ...(selected.order && !text && { order: LONGEST_WAITING }), // the newest search results always come first
    });
  };

  const readUrl = () => {
    const parameters = new URLSearchParams(location.search);
    view = VIEWS.find(({ name }) => name === parameters.get("view")) ?? DEFAULT_VIEW;
    for (const name of names) selects[name].value = selected[name] = parameters.get(name) ?? "";
    if (selected.order !== LONGEST_WAITING) selects.order.value = selected.order = "";
    apply();
  };

  const writeUrl = () => {
    const filters = names.filter((name) => selected[name]).map((name) => [name, selected[name]]);
    const parameters = new URLSearchParams(view === DEFAULT_VIEW ? filters : [["view", view.name], ...filters]);
    history.replaceState(null, "", location.pathname + (parameters.size ? `?${parameters}` : ""));
  };

  const update = () => {
    for (const name of names) selects[name].value = selected[name];
    writeUrl();
    apply();
  };

  /** @param {(typeof VIEWS)[number]} next */
  const showView = (next) => {
    view = next;
    search.value = "";
    if (next.query.assignee) selected.assignee = "";
    update();
  };

  search.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(apply, SEARCH_DELAY);
  });
  search.addEventListener("keydown", (event) => {
    if (isComposing(event)) return;
    if (event.key === "Escape" && search.value) {
      search.value = "";
      apply();
    } else if (["Enter", "ArrowDown", "Escape"].includes(event.key)) {
      if (timer) apply();
      byId("list").focus();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  });
  for (const name of names)
    selects[name].addEventListener("change", () => {
      selected[name] = selects[name].value;
      if (name === "assignee" && selected.assignee && view.query.assignee) view = DEFAULT_VIEW;
      update();
    });

  /** Set the choices of a filter. @param {keyof typeof selected} name @param {string} all @param {Named[]} choices */
  const setChoices = (name, all, choices) => {
    const select = selects[name];
    select.replaceChildren(
      h("option", { value: "" }, all),
      ...choices.map(({ _id, name }) => h("option", { value: _id }, name)),
    );
    select.hidden = !choices.length;
    const isKnown = !selected[name] || choices.some(({ _id }) => _id === selected[name]);
    if (isKnown) select.value = selected[name];
    else {
      selected[name] = "";
      update();
    }
  };

  setChoices("order", "Newest", [{ _id: LONGEST_WAITING, name: "Longest waiting" }]);

  return {
    readUrl,
    focus: () => search.focus(),
    /** @param {Counts} values */
    showCounts(values) {
      for (const [name, element] of counts) setText(element, values[name] >= MAX_COUNT ? "999+" : String(values[name]));
    },
    /** @param {Named[]} brands */
    setBrands: (brands) => setChoices("brand", "All brands", brands.length > 1 ? brands : []),
    /** @param {Named[]} people */
    setOperators: (people) =>
      setChoices("assignee", "All operators", [
        { _id: "me", name: "Me" },
        { _id: "none", name: "Unassigned" },
        ...people,
      ]),
    /** @param {Named[]} tags */
    setTags: (tags) => setChoices("tag", "All tags", tags),
  };
}
