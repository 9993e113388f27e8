/** One row of the list: face, name, how long the visitor has been waiting, the newest message, brand, assignee, tags. */

import { previewOf } from "../../shared/markup/preview.js";
import { createFace, renameFace } from "../face.js";
import { ago, calendarDay, duration, fill, h, isolated, setText, statusName } from "./dom.js";

/**
 * @import { Match, Row } from "./types.d.ts"
 * @typedef {Record<"mark" | "name" | "wait" | "waitWords" | "time" | "preview" | "foot", HTMLElement> & {face: Element}} Parts
 * @typedef {{element: HTMLElement, parts: Parts}} DrawnRow
 */

const WARNING_AFTER = 10 * 60_000; // ms of waiting after which the sign changes its colour
const DANGER_AFTER = 60 * 60_000;

/** Create the elements of a row. They keep their place, and `updateRow` fills them. @param {Row} row @returns {DrawnRow} */
export const createRow = ({ _id: id, visitor }) => {
  const parts = {
    face: createFace(visitor.name, visitor._id, 36),
    mark: h("span", { class: "visually-hidden" }),
    name: h("strong"),
    wait: h("span", { class: "wait", "aria-hidden": "true", title: "How long the visitor has been waiting" }),
    waitWords: h("span", { class: "visually-hidden" }),
    time: h("time"),
    preview: h("p"),
    foot: h("p", { class: "foot" }),
  };
  const { face, mark, name, wait, waitWords, time, preview, foot } = parts;
  const tick = h("span", { class: "tick", "aria-hidden": "true", title: "Select (x). Shift+click selects a range" });
  const head = h("div", { class: "head" }, mark, name, wait, waitWords, time);
  const element = h("div", { class: "row", role: "option", id: `row-${id}` }, face, tick, head, preview, foot);
  element.dataset.id = id;
  return { element, parts };
};

/** Show the values of a row. @param {Parts} parts @param {Row} row @param {string} brand @param {boolean} isUnread */
export const updateRow = (parts, row, brand, isUnread) => {
  renameFace(parts.face, row.visitor.name);
  setText(parts.mark, isUnread ? "Unread. " : "");
  setText(parts.name, row.visitor.name);
  showWait(parts, row.waitingSince);
  setText(parts.time, row.match ? calendarDay(row.match.createdAt) : ago(row.lastActivityAt));
  if (row.match || parts.preview.childElementCount)
    fill(parts.preview, row.match ? markedText(row.match) : previewOf(row.preview));
  else setText(parts.preview, previewOf(row.preview));
  const facts = [
    row.match !== undefined && row.status !== "open" && statusName(row.status),
    brand,
    row.assignee?.name ?? "Unassigned",
    ...row.tags.map((tag) => `#${tag.name}`),
  ];
  setFacts(parts.foot, /** @type {string[]} */ (facts.filter(Boolean)));
};

/** @param {Parts} parts @param {number | null | undefined} since */
const showWait = ({ wait, waitWords }, since) => {
  const [short, words] = since ? duration(since) : ["", ""];
  setText(wait, short);
  setText(waitWords, short && `Waiting for ${words}. `);
  const waited = since ? Date.now() - since : 0;
  wait.classList.toggle("warning", waited >= WARNING_AFTER && waited < DANGER_AFTER);
  wait.classList.toggle("danger", waited >= DANGER_AFTER);
};

/** @param {Match} match */
const markedText = ({ parts }) => parts.map(({ text, marked }) => (marked ? h("mark", {}, text) : text));

/** Show names side by side, unless they are shown already. @param {HTMLElement} line @param {string[]} facts */
const setFacts = (line, facts) => {
  if (line.textContent === facts.join(" · ")) return;
  line.replaceChildren(...facts.flatMap((fact, index) => [index ? " · " : "", isolated(fact)]));
};
