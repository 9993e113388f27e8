/** What the page asks of its own server beside the live connection: a token, and files. By the session, like every page. */

import { byId } from "./dom.js";

const root = byId("inbox");
const { base, token, files, signIn } = root.dataset;

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

/** @param {string} url @param {FormData} [body] */
const post = async (url, body) => {
  const headers = { "X-CSRFToken": root.querySelector("[name=csrfmiddlewaretoken]").value, Accept: "application/json" };
  const answer = await fetch(url, { method: "POST", headers, redirect: "manual", body });
  if (answer.type === "opaqueredirect" || answer.status === 403) {
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
 * @returns {Promise<string>} why it was refused; "" when it was taken
 * @throws when there was no answer, and it is to be tried again
 */
export const sendFile = async ({ conversationId, clientMessageId, file }) => {
  const body = new FormData();
  body.set("conversationId", conversationId);
  body.set("clientMessageId", clientMessageId);
  body.set("file", file);
  const answer = await post(files, body);
  if (answer.ok) return "";
  if (answer.status >= 500) throw new Error("The server is not well.");
  const said = await answer.json().catch(() => ({}));
  return said.error ?? `The server answered ${answer.status}.`;
};
