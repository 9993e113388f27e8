/**
 * Track what the visitor has seen, and play a sound for new messages while they look elsewhere.
 *
 * @typedef {import("./api.js").Message} Message
 */

/**
 * @param {object} options
 * @param {import("./storage.js").Store} options.store
 * @param {import("./thread.js").Thread} options.thread
 * @param {(id: string) => void} options.ring
 */
export function createReadReceipts({ store, thread, ring }) {
  let reportedId = "";

  return {
    /** Ring for the newest message, in only one of the tabs, unless this page has the focus. @param {Message[]} fresh */
    announce(fresh) {
      const newest = last(fresh);
      if (!newest || (!document.hidden && document.hasFocus()) || store.read().rungId === newest._id) return;
      store.write({ rungId: newest._id }); // before the sound, because the other tabs receive the same message
      ring(newest._id);
    },

    /** Record that the newest message is on the screen. @param {boolean} typing is sent in the same mutation */
    markSeen(typing) {
      const { value, messages, isLive } = thread.get();
      const newest = last(messages);
      if (!newest) return;
      if (store.read().seenId !== newest._id) store.write({ seenId: newest._id });
      if (!isLive || reportedId === newest._id || value?.readId === newest._id) return;
      reportedId = newest._id;
      thread.report({ typing, seenId: newest._id });
    },

    /** Return the number of messages that the visitor has not seen in any tab or on any device. */
    unread() {
      const { value, messages } = thread.get();
      const { seenId } = store.read();
      const after = messages.findIndex((one) => one._id === seenId) + 1;
      const here = after ? messages.slice(after).filter(isOthers).length : Infinity;
      return Math.min(value?.unread ?? 0, here);
    },
  };
}

/** @param {Message} message */
const isOthers = ({ role }) => role !== "visitor";

/** @param {Message[]} messages */
const last = (messages) => messages.filter(isOthers).pop();
