/** The texts of activities in the thread: who did what. */

import { date, h } from "./dom.js";

const STATUS = { open: "reopened this", snoozed: "snoozed this", resolved: "resolved this", closed: "closed this" };
export const FACES = ["", "😞", "🙁", "😐", "🙂", "😀"];

/** @type {Record<string, (details: any) => string>} */
const SENTENCES = {
  status: ({ status, until }) =>
    `${STATUS[/** @type {keyof typeof STATUS} */ (status)] ?? status}${until ? ` until ${date(until)}` : ""}`,
  assigned: ({ to, absent }) => {
    if (absent) return `took the assignment away: ${absent} cannot answer here any more`;
    return to ? `assigned this to ${to.name}` : "took the assignment away";
  },
  tagged: ({ added, removed }) =>
    [added.length && `added ${added.join(", ")}`, removed.length && `removed ${removed.join(", ")}`]
      .filter(Boolean)
      .join(" and "),
  blocked: ({ blocked }) => (blocked ? "blocked the visitor" : "let the visitor write again"),
  transcript: ({ to }) => `sent the transcript to ${to}`,
  rated: ({ rating, comment }) => `rated this ${FACES[rating]} ${rating} of 5${comment ? `: “${comment}”` : ""}`,
};

/** Return what the actor did. @param {{kind: string, details: any}} activity */
const sentenceOf = ({ kind, details }) => SENTENCES[kind]?.(details) ?? kind;

/**
 * Return the text of an activity, without its time. The end of a snooze has no actor, because it ends at its time or when the
 * visitor writes.
 * @param {{kind: string, actor: string, details: any}} activity
 */
export const wordsOf = (activity) =>
  activity.details.snoozeEnded ? ["Snooze ended"] : [h("bdi", {}, activity.actor), ` ${sentenceOf(activity)}`];
