/** What not everybody needs: a script of its own, fetched when it is needed first. */
export { createAttachments } from "./attachments.js";
export { ring } from "./sound.js";
