/** Requests of the page to its own server beside the live connection: a token, and files. The session authenticates them. */

import { laterOf, Refusal } from "./answers.js";
import { byId } from "./dom.js";

const root = byId("inbox");
const { base, token, files, signIn } = root.dataset;

/** How large a file may be. */
export const mostBytes = Number(root.dataset.mostBytes);

export const addresses = {
  base,
  /** @param {string} id of a conversation */
  conversation: (id) => `${base}${id}/`,
  /** @param {string} id of an attachment */
  file: (id) => `${files}${id}/`,
  /** @param {string} id */
  lead: (id) => `${base.replace("inbox/", "leads/")}${id}/change/`,
  /** Signing in, and back to where one is. */
  signIn: () => `${signIn}?next=${location.pathname}${encodeURIComponent(location.search)}`,
};

/** Told once: the session has ended. */
let onSignedOut = () => {};

/** @param {() => void} told */
export const whenSignedOut = (told) => {
  onSignedOut = told;
};

/** What our own server says in X-Error-Code when a session has ended. A 403 of something in front of it has no such header. */
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

/** A token for the live connection. */
export const askToken = async () => {
  const answer = await post(token);
  if (!answer.ok) throw new Error(`No token: the server answered ${answer.status}.`);
  return (await answer.json()).token;
};

/**
 * Sends a file, once: the server knows it by its clientMessageId.
 * @param {{conversationId: string, clientMessageId: string, file: File}} what
 * @throws {Refusal} whatever answers with a 4xx: our server, or something in front of it
 * @throws {Later} when it is to be tried again at the time that the server named
 * @throws {Error} when it is to be tried again: there was no answer, or none of ours
 */
export const sendFile = async ({ conversationId, clientMessageId, file }) => {
  const body = new FormData();
  body.set("conversationId", conversationId);
  body.set("clientMessageId", clientMessageId);
  body.set("file", file);
  const answer = await post(files, body, AbortSignal.timeout(UPLOAD_TIMEOUT));
  if (answer.status === TOO_MANY) throw laterOf(answer);
  const said = (await answer.json().catch(() => null)) ?? {}; // of a proxy it may be a page, also with the status 200
  if (answer.status >= 400 && answer.status < 500) throw new Refusal(said.error ?? reasonFor(answer.status));
  if (!said.messageId) throw new Error(`The server answered ${answer.status}.`);
};

/** @param {number} status */
const reasonFor = (status) =>
  status === TOO_LARGE
    ? "The file is too large for a proxy in front of the server."
    : `The server, or something in front of it, answered ${status}.`;
