/** What the lines of the thread say: who did what. */

import { date } from "./dom.js";

const STATUS = { open: "reopened this", snoozed: "snoozed this", resolved: "resolved this", closed: "closed this" };
export const FACES = ["", "😞", "🙁", "😐", "🙂", "😀"];

/** @type {Record<string, (details: any) => string>} */
const SENTENCES = {
  status: ({ status, until }) =>
    `${STATUS[/** @type {keyof typeof STATUS} */ (status)] ?? status}${until ? ` until ${date(until)}` : ""}`,
  assigned: ({ to }) => (to ? `assigned this to ${to.name}` : "took the assignment away"),
  tagged: ({ added, removed }) =>
    [added.length && `added ${added.join(", ")}`, removed.length && `removed ${removed.join(", ")}`]
      .filter(Boolean)
      .join(" and "),
  blocked: ({ blocked }) => (blocked ? "blocked the visitor" : "let the visitor write again"),
  transcript: ({ to }) => `sent the transcript to ${to}`,
  rated: ({ rating, comment }) => `rated this ${FACES[rating]} ${rating} of 5${comment ? `: “${comment}”` : ""}`,
};

/** What the actor did. @param {{kind: string, details: any}} activity */
export const sentenceOf = ({ kind, details }) => SENTENCES[kind]?.(details) ?? kind;
