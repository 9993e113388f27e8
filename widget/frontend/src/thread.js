import { connect } from "../../../static/live/client.js";
import { isSignedOut } from "./api.js";

/**
 * Keep the visitor's thread up to date.
 *
 * 1. After `start`, the thread is watched over the live protocol.
 * 2. When the connection has not been live for 4 seconds, the thread is also polled over HTTP. The interval starts at 3 s and
 *    grows by a factor of 1.5 up to 30 s while there is nothing new. It is at least 30 s while the page is hidden. Polling ends
 *    when the connection is live again.
 * 3. The live value holds the newest 50 messages. Older ones that were shown or loaded before are kept as long as there is no
 *    gap between them and the newest 50.
 *
 * @typedef {import("./api.js").Message} Message
 * @typedef {import("./api.js").Thread} Value
 * @typedef {ReturnType<typeof createThread>} Thread
 */

const POLL_DELAY = 4000;
const MIN_INTERVAL = 3000;
const MAX_INTERVAL = 30_000;

/**
 * @param {object} options
 * @param {string} options.origin
 * @param {string} options.widgetId
 * @param {import("./api.js").Api} options.api
 * @param {(fresh: Message[]) => void} options.onChange called with the messages that are new since the previous value
 * @param {(token: string) => void} options.onSignedOut
 */
export function createThread({ origin, widgetId, api, onChange, onSignedOut }) {
  /** @type {ReturnType<typeof connect> | undefined} */
  let client;
  /** @type {string | undefined} */
  let token;
  /** @type {Value | undefined} */
  let value;
  /** @type {Message[]} */
  let messages = [];
  let hasMore = false;
  let isLoading = false;
  let isLive = false;
  let isServerReachable = true;
  let interval = MIN_INTERVAL;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  /** @param {Value} next */
  const accept = (next) => {
    const known = new Set(messages.map((one) => one._id));
    const ids = new Set(next.messages.map((one) => one._id));
    const first = next.messages[0];
    const overlaps = first && messages.some((one) => ids.has(one._id));
    const older = overlaps
      ? messages.filter(({ _id, createdAt }) => !ids.has(_id) && createdAt <= first.createdAt)
      : [];
    const fresh = value ? next.messages.filter((one) => !known.has(one._id)) : [];
    if (!older.length) hasMore = next.hasMore;
    value = next;
    messages = [...older, ...next.messages];
    isServerReachable = true;
    if (fresh.length) interval = MIN_INTERVAL;
    onChange(fresh);
  };

  const poll = async () => {
    clearTimeout(timer);
    const usedToken = token;
    if (!usedToken || isLive) return;
    interval = Math.min(MAX_INTERVAL, interval * 1.5);
    try {
      const next = await api.messages(usedToken);
      if (usedToken === token && !isLive) accept(next);
    } catch (error) {
      const rejection = /** @type {import("./api.js").Rejection} */ (error);
      if (usedToken !== token || isLive) return;
      if (isSignedOut(rejection)) return onSignedOut(usedToken);
      interval = Math.max(interval, rejection.retryAfter * 1000);
      isServerReachable = false;
      onChange([]);
    }
    if (usedToken === token && !isLive) later(document.hidden ? Math.max(interval, MAX_INTERVAL) : interval);
  };

  /** @param {number} wait */
  const later = (wait) => {
    clearTimeout(timer);
    timer = setTimeout(poll, wait);
  };

  /** @param {import("../../../static/live/client.js").State} state */
  const onConnectionState = (state) => {
    const wasLive = isLive;
    isLive = state === "live";
    if (isLive) clearTimeout(timer);
    else if (wasLive) later(POLL_DELAY);
    if (isLive !== wasLive) onChange([]);
  };

  const stop = () => {
    clearTimeout(timer);
    client?.close();
    client = token = undefined;
    isLive = false;
  };

  return {
    /** @param {string} [next] the visitor's token, or none to stop; a renewed token keeps the messages that are shown */
    start(next) {
      if (next === token) return;
      stop();
      if (!next) {
        value = undefined;
        messages = [];
        return;
      }
      token = next;
      interval = MIN_INTERVAL;
      client = connect(origin, { onState: onConnectionState });
      client.watch("widget:thread", { visitorToken: next, widgetId }, accept, ({ data }) => {
        if (data?.code === "UNAUTHENTICATED") onSignedOut(next);
      });
      later(POLL_DELAY);
    },

    /** Poll now if the connection is not live. */
    wake() {
      interval = MIN_INTERVAL;
      if (token && !isLive) later(0);
    },

    /**
     * Report what the visitor is doing. It is outdated within seconds, so it is sent only while the connection is live.
     * @param {{typing: boolean, seenId?: string}} activity
     */
    report(activity) {
      if (isLive) client?.mutate("widget:look", { visitorToken: token, widgetId, ...activity }).catch(() => {});
    },

    async loadOlder() {
      const [first] = messages;
      if (!token || !first || !hasMore || isLoading) return;
      isLoading = true;
      try {
        const page = await api.messages(token, first._id);
        if (messages[0]?._id === first._id) {
          messages = [...page.messages, ...messages];
          hasMore = page.hasMore;
        }
      } catch {
        // scrolling or the button tries again
      }
      isLoading = false;
      onChange([]);
    },

    get: () => ({ value, messages, hasMore, isLive, isServerReachable: isLive || isServerReachable }),
  };
}
