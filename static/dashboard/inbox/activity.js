/** The texts of activities in the thread: who did what. */

import { date, isolated } from "./dom.js";

/** @import { Activity, ActivityDetails, ActivityKind, Status } from "./types.d.ts" */

/** @type {Record<Status, string>} */
const STATUS = { open: "reopened this", snoozed: "snoozed this", resolved: "resolved this", closed: "closed this" };
export const FACES = ["", "😞", "🙁", "😐", "🙂", "😀"];

/** @type {{[Kind in ActivityKind]: (details: ActivityDetails[Kind]) => string | (string | Node)[]}} */
const SENTENCES = {
  status: ({ status, until }) => `${STATUS[status] ?? status}${until ? ` until ${date(until)}` : ""}`,
  assigned: ({ to, absent }) => {
    if (absent) return ["unassigned this: ", isolated(absent), " can no longer reply here"];
    return to ? ["assigned this to ", isolated(to.name)] : "unassigned this";
  },
  tagged: ({ added, removed }) => [
    ...(added.length ? ["added ", ...listOf(added)] : []),
    added.length && removed.length ? " and " : "",
    ...(removed.length ? ["removed ", ...listOf(removed)] : []),
  ],
  blocked: ({ blocked }) => (blocked ? "blocked the visitor" : "unblocked the visitor"),
  transcript: ({ to }) => ["sent the transcript to ", isolated(to)],
  rated: ({ rating, comment }) => [
    `rated this ${FACES[rating]} ${rating} of 5`,
    ...(comment ? [": “", isolated(comment), "”"] : []),
  ],
};

/** @param {string[]} names */
const listOf = (names) => names.flatMap((name, index) => [index ? ", " : "", isolated(name)]);

/**
 * Return what the actor did. The kind itself stands for a kind that this version does not know.
 * @template {ActivityKind} Kind
 * @param {Activity<Kind>} activity
 */
const sentenceOf = ({ kind, details }) => SENTENCES[kind]?.(details) ?? kind;

/**
 * Return the text of an activity, without its time. The end of a snooze has no actor, because it ends at its time or when the
 * visitor writes.
 * @param {Activity} activity
 */
export const activityText = (activity) =>
  "snoozeEnded" in activity.details ? ["Snooze ended"] : [isolated(activity.actor), " ", sentenceOf(activity)];
