/** HTTP requests beside the live connection: for a token, and for files. The session authenticates them. */

import { laterOf, Refusal } from "./answers.js";
import { byId } from "./dom.js";

const root = byId("inbox");
const { base, token, files, signIn } = root.dataset;

/** The size limit of a file, in bytes. */
export const mostBytes = Number(root.dataset.mostBytes);

export const addresses = {
  base,
  /** @param {string} id a conversation's id */
  conversation: (id) => `${base}${id}/`,
  /** @param {string} id an attachment's id */
  file: (id) => `${files}${id}/`,
  /** @param {string} id a lead's id */
  lead: (id) => `${base.replace("inbox/", "leads/")}${id}/change/`,
  /** The sign-in page, which leads back to the current page. */
  signIn: () => `${signIn}?next=${location.pathname}${encodeURIComponent(location.search)}`,
};

/** Called when the session has ended. */
let onSignedOut = () => {};

/** Set the function to call when the session has ended. @param {() => void} told */
export const whenSignedOut = (told) => {
  onSignedOut = told;
};

/** The server's X-Error-Code when the session has ended. A 403 from a reverse proxy has no such header. */
const SIGNED_OUT_CODES = ["csrf_failed"];
const UPLOAD_TIMEOUT = 180_000;
const TOO_LARGE = 413;
const TOO_MANY = 429;

/** @param {Response} answer */
const isSignedOut = (answer) =>
  (answer.redirected && new URL(answer.url).pathname === signIn) ||
  SIGNED_OUT_CODES.includes(answer.headers.get("X-Error-Code") ?? "");

/** @param {string} url @param {FormData} [body] @param {AbortSignal} [signal] */
const post = async (url, body, signal) => {
  const headers = { "X-CSRFToken": root.querySelector("[name=csrfmiddlewaretoken]").value, Accept: "application/json" };
  const answer = await fetch(url, { method: "POST", headers, body, signal });
  if (isSignedOut(answer)) {
    onSignedOut();
    throw new Error("You are signed out.");
  }
  return answer;
};

/** Request a token for the live connection. */
export const askToken = async () => {
  const answer = await post(token);
  if (!answer.ok) throw new Error(`No token: the server answered ${answer.status}.`);
  return (await answer.json()).token;
};

/**
 * Send a file. Retries are safe, because the server recognises the clientMessageId.
 * @param {{conversationId: string, clientMessageId: string, file: File}} what
 * @throws {Refusal} on any 4xx other than 429, from the server or a reverse proxy: do not retry
 * @throws {Later} on 429: retry at the time that the server names
 * @throws {Error} if there was no response, or one that is not from PraxTalk: retry
 */
export const sendFile = async ({ conversationId, clientMessageId, file }) => {
  const body = new FormData();
  body.set("conversationId", conversationId);
  body.set("clientMessageId", clientMessageId);
  body.set("file", file);
  const answer = await post(files, body, AbortSignal.timeout(UPLOAD_TIMEOUT));
  if (answer.status === TOO_MANY) throw laterOf(answer);
  const said = (await answer.json().catch(() => null)) ?? {}; // a proxy may answer with an HTML page, even with status 200
  if (answer.status >= 400 && answer.status < 500) throw new Refusal(said.error ?? reasonFor(answer.status));
  if (!said.messageId) throw new Error(`The server answered ${answer.status}.`);
};

/** @param {number} status */
const reasonFor = (status) =>
  status === TOO_LARGE
    ? "The file is too large for a proxy in front of the server."
    : `The server, or something in front of it, answered ${status}.`;
