/** Notify the operator of messages, mentions and assignments: title, badge in the navigation, sound, desktop notification. */

import { counted, setText } from "./dom.js";

const QUIET = 1000; // ms: an event that is reported twice, as a message and as an assignment, sounds once
const TITLE = "Inbox | PraxTalk";

/**
 * @typedef {{count: number, newest: {id: string, conversationId: string, visitor: string, assignedBy: string}[]}} Assignments
 * @param {string} by
 * @param {number} count
 * @param {string} visitor the visitor's name; used only if count is 1
 */
export const assignmentWords = (by, count, visitor) =>
  `${by} assigned ${count === 1 ? visitor : counted("conversation", count)} to you`;

/** @param {any} app */
export function createNotifications(app) {
  let before = /** @type {number | null} */ (null);
  const heard = /** @type {Map<string, number>} */ (new Map()); // the last known position of each conversation
  let mentions = /** @type {number | null} */ (null);
  let assignments = /** @type {Set<string> | null} */ (null); // ids in the previous value
  let rangFor = "";
  let rangAt = 0;
  let audio = /** @type {AudioContext | null} */ (null);

  /** Create the AudioContext. Browsers allow sound only after the user has interacted with the page. */
  const ready = () => {
    audio ??= new AudioContext();
  };
  document.addEventListener("pointerdown", ready, { once: true });
  document.addEventListener("keydown", ready, { once: true });

  /** @param {"message" | "mention" | "assignment"} what */
  const ring = (what) => {
    if (!audio || !app.me.preferences.sound) return;
    if (rangFor !== what && Date.now() - rangAt < QUIET) return;
    rangFor = what;
    rangAt = Date.now();
    const [tone, volume] = [audio.createOscillator(), audio.createGain()];
    tone.frequency.value = 660;
    volume.gain.setValueAtTime(0.12, audio.currentTime);
    volume.gain.exponentialRampToValueAtTime(0.001, audio.currentTime + 0.4);
    tone.connect(volume).connect(audio.destination);
    tone.start();
    tone.stop(audio.currentTime + 0.4);
  };

  /** @param {string} title @param {string} body @param {string} conversationId */
  const show = (title, body, conversationId) => {
    if (!app.me.preferences.desktop || globalThis.Notification?.permission !== "granted" || document.hasFocus()) return;
    const notification = new Notification(title, { body, tag: conversationId });
    notification.onclick = () => {
      focus();
      app.open(conversationId);
      notification.close();
    };
  };

  return {
    /** @param {{unread: number, newest: {conversationId: string, visitor: string, preview: string, position: number,
     *   snoozeEnded: boolean} | null}} counts */
    count({ unread, newest }) {
      document.title = unread ? `(${unread}) ${TITLE}` : TITLE;
      const badge = document.querySelector("#rail [data-unread] .badge");
      if (badge) setText(badge, unread ? `${unread} unread` : "");
      if (newest) {
        const { conversationId, visitor, preview, position, snoozeEnded } = newest;
        const known = heard.get(conversationId);
        const isMore = known === undefined ? unread > (before ?? unread) : position > known;
        heard.set(conversationId, position);
        if (isMore && !app.isLookedAt(conversationId)) {
          ring("message");
          show(snoozeEnded ? `Snooze ended: ${visitor}` : visitor, preview, conversationId);
        }
      }
      before = unread;
    },
    /** @param {any[]} unseen */
    mention(unseen) {
      if (mentions !== null && unseen.length > mentions) {
        ring("mention");
        const [{ sender, body, conversationId }] = unseen;
        show(`${sender} mentioned you`, body, conversationId);
      }
      mentions = unseen.length;
    },
    /** @param {Assignments} unseen */
    assign({ count, newest }) {
      const known = assignments;
      const fresh = newest.filter(({ id }) => known && !known.has(id));
      assignments = new Set(newest.map(({ id }) => id));
      if (!fresh.length || (fresh.length === 1 && app.isLookedAt(fresh[0].conversationId))) return;
      const [{ assignedBy, visitor, conversationId }] = fresh;
      ring("assignment");
      show(assignmentWords(assignedBy, fresh.length > 1 ? count : 1, visitor), "", conversationId);
    },
  };
}
