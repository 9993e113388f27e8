/**
 * The items that a thread shows: the server's messages and the unsent entries, each once, with their position in a group.
 *
 * @typedef {import("./api.js").Message} Message
 * @typedef {import("./outbox.js").Entry} Entry
 * @typedef {{key: string, isOwn: boolean, name?: string, body: string, files: import("./api.js").Attachment[], at: number,
 *   isFirst: boolean, isLast: boolean, isNewDay: boolean, state: "" | "sending" | "failed" | "seen"}} Item
 */

const GROUP_SPAN = 300_000;

/**
 * @param {Message[]} messages oldest first
 * @param {Entry[]} entries in sending order
 * @param {string | null} seenId id of the newest message that an operator has seen
 * @returns {Item[]}
 */
export function timeline(messages, entries, seenId) {
  const shown = new Set(messages.map((one) => one.clientId));
  const seenIndex = messages.findIndex((one) => one._id === seenId);
  const lastSeen = messages
    .slice(0, seenIndex + 1)
    .filter((one) => one.role === "visitor")
    .pop();
  const items = [
    ...messages.map((message) => ({
      key: message.clientId ?? message._id,
      isOwn: message.role === "visitor",
      name: message.author?.name,
      body: message.body,
      files: message.attachments,
      at: message.createdAt,
      state: /** @type {Item["state"]} */ (message === lastSeen ? "seen" : ""),
    })),
    ...entries
      .filter((one) => !shown.has(one.clientId))
      .map(({ clientId, body, file, at, failed }) => ({
        key: clientId,
        isOwn: true,
        body,
        files: file ? [file] : [],
        at,
        state: /** @type {Item["state"]} */ (failed ? "failed" : "sending"),
      })),
  ];
  return items.map((item, index) => {
    const before = items[index - 1];
    const after = items[index + 1];
    return {
      ...item,
      isNewDay: !before || !isSameDay(before.at, item.at),
      isFirst: !before || !isGroup(before, item),
      isLast: !after || !isGroup(item, after),
    };
  });
}

/** Both times are in milliseconds. @param {number} one @param {number} other */
export const isSameDay = (one, other) => new Date(one).toDateString() === new Date(other).toDateString();

/** @typedef {{isOwn: boolean, name?: string, at: number}} Said @param {Said} one @param {Said} next */
const isGroup = (one, next) =>
  one.isOwn === next.isOwn && one.name === next.name && next.at - one.at < GROUP_SPAN && isSameDay(one.at, next.at);
