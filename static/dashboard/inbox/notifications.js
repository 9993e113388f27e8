/**
 * Notify the operator of messages, mentions, and conversations that they got or lost: title, badge in the navigation, sound,
 * desktop notification, toast.
 */

import { previewOf } from "../../shared/markup/preview.js";
import { showUnread } from "../badge.js";
import { isolatedText, pluralize } from "./dom.js";
import { showToast } from "./toast.js";

/** @import { Assignment, Assignments, Counts, InboxStore, Loss, Mention } from "./types.d.ts" */

const QUIET = 1000; // ms: an event that is reported twice, as a message and as an assignment, sounds once
const TITLE = "Inbox | PraxTalk";

/**
 * Return the parts of the sentence. The names are elements or isolated texts.
 * @template Name
 * @param {Name} assignedBy
 * @param {number} count
 * @param {Name} visitor the visitor's name; used only if count is 1
 */
export const assignmentText = (assignedBy, count, visitor) => [
  assignedBy,
  " assigned ",
  count === 1 ? visitor : pluralize("conversation", count),
  " to you",
];

/**
 * Return the parts of the sentence about a conversation that the operator has lost.
 * @template Name
 * @param {Loss} loss
 * @param {(name: string) => Name} isolate
 */
export const lossText = ({ assignedBy, assignedTo, visitor }, isolate) => {
  const [by, who] = [assignedBy, visitor].map(isolate);
  if (!assignedTo) return [by, " unassigned ", who, " from you"];
  if (assignedTo === assignedBy) return [by, " took ", who, " from you"];
  return [by, " reassigned ", who, " from you to ", isolate(assignedTo)];
};

/**
 * @param {object} options
 * @param {InboxStore} options.store
 * @param {(conversationId: string) => void} options.onOpen called when a desktop notification is clicked
 */
export function createNotifications({ store, onOpen }) {
  let unreadBefore = /** @type {number | null} */ (null);
  const positions = /** @type {Map<string, number>} */ (new Map()); // the last known one of each conversation
  let mentionsBefore = /** @type {number | null} */ (null);
  let assignmentsBefore = /** @type {Set<string> | null} */ (null); // ids, also of losses
  let rangFor = "";
  let rangAt = 0;
  let audio = /** @type {AudioContext | null} */ (null);

  /** Create the AudioContext. Browsers allow sound only after the user has interacted with the page. */
  const startAudio = () => {
    audio ??= new AudioContext();
  };
  document.addEventListener("pointerdown", startAudio, { once: true });
  document.addEventListener("keydown", startAudio, { once: true });

  /** Play a sound. @param {"message" | "mention" | "assignment"} what */
  const ring = (what) => {
    if (!audio || !store.get("me")?.preferences.sound) return;
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

  /** Show a desktop notification. @param {string} title @param {string} body @param {string} conversationId */
  const show = (title, body, conversationId) => {
    if (!store.get("me")?.preferences.desktop || document.hasFocus()) return;
    if (globalThis.Notification?.permission !== "granted") return;
    const notification = new Notification(title, { body, tag: conversationId });
    notification.onclick = () => {
      focus();
      onOpen(conversationId);
      notification.close();
    };
  };

  const isInView = (/** @type {string} */ id) => id === store.get("openId") && document.hasFocus();

  return {
    /** @param {Counts} counts */
    onCounts({ unread, newest }) {
      document.title = unread ? `(${unread}) ${TITLE}` : TITLE;
      showUnread(unread);
      if (newest) {
        const { conversationId, visitor, preview, position, seen, snoozeEnded } = newest;
        const known = positions.get(conversationId);
        const isMore = known === undefined ? unread > (unreadBefore ?? unread) : position > known;
        positions.set(conversationId, position);
        if (isMore && !seen && !isInView(conversationId)) {
          ring("message");
          show(snoozeEnded ? `Snooze ended: ${isolatedText(visitor)}` : visitor, previewOf(preview), conversationId);
        }
      }
      unreadBefore = unread;
    },
    /** @param {Mention[]} unseen newest first */
    onMentions(unseen) {
      if (mentionsBefore !== null && unseen.length > mentionsBefore) {
        ring("mention");
        const [{ sender, body, conversationId }] = unseen;
        show(`${isolatedText(sender)} mentioned you`, previewOf(body), conversationId);
      }
      mentionsBefore = unseen.length;
    },
    /** @param {Assignments} unseen */
    onAssignments({ count, newest, lost }) {
      const known = assignmentsBefore;
      const isFresh = (/** @type {Assignment} */ { id }) => known && !known.has(id);
      const [got, gone] = [newest.filter(isFresh), lost.filter(isFresh)];
      assignmentsBefore = new Set([...newest, ...lost].map(({ id }) => id));
      const texts = gone.map((loss) => lossText(loss, isolatedText).join(""));
      if (got.length) {
        const names = [got[0].assignedBy, got[0].visitor].map(isolatedText);
        texts.unshift(assignmentText(names[0], got.length > 1 ? count : 1, names[1]).join(""));
      }
      if (!texts.length) return;
      showToast(texts.join(". "));
      const { conversationId } = got[0] ?? gone[0];
      if (texts.length === 1 && got.length < 2 && isInView(conversationId)) return;
      ring("assignment");
      show(texts[0], texts.slice(1).join(". "), conversationId);
    },
  };
}
