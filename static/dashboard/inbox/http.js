/** HTTP requests beside the live connection: for a token, and for files. The session authenticates them. */

import { byId } from "./dom.js";
import { Rejection, retryLaterOf } from "./retries.js";
import { urls } from "./urls.js";

/** The server's X-Error-Code when the session has ended. A 403 from a reverse proxy has no such header. */
const SIGNED_OUT_CODES = ["csrf_failed"];
const UPLOAD_TIMEOUT = 180_000;
const PAYLOAD_TOO_LARGE = 413;
const TOO_MANY_REQUESTS = 429;

/** @typedef {{conversationId: string, clientMessageId: string, file: File}} Upload */

/** @param {{onSignedOut: () => void}} options onSignedOut: called when the session has ended */
export function createHttp({ onSignedOut }) {
  const csrfField = () => /** @type {HTMLInputElement} */ (byId("inbox").querySelector("[name=csrfmiddlewaretoken]"));

  /** @param {string} url @param {FormData} [body] @param {AbortSignal} [signal] */
  const post = async (url, body, signal) => {
    const headers = { "X-CSRFToken": csrfField().value, Accept: "application/json" };
    const response = await fetch(url, { method: "POST", headers, body, signal });
    if (isSignedOut(response)) {
      onSignedOut();
      throw new Error("You are signed out.");
    }
    return response;
  };

  return {
    /** Request a token for the live connection. @returns {Promise<string>} */
    async requestToken() {
      const response = await post(urls.token);
      if (!response.ok) throw new Error(`No token: the server responded with status ${response.status}.`);
      return (await response.json()).token;
    },

    /**
     * Send a file. Retries are safe, because the server recognises the clientMessageId.
     * @param {Upload} upload
     * @throws {Rejection} on any 4xx other than 429, from the server or a reverse proxy: do not retry
     * @throws {RetryLater} on 429: retry at the time that the server names
     * @throws {Error} if there was no response, or one that is not from PraxTalk: retry
     */
    async uploadFile({ conversationId, clientMessageId, file }) {
      const body = new FormData();
      body.set("conversationId", conversationId);
      body.set("clientMessageId", clientMessageId);
      body.set("file", file);
      const response = await post(urls.files, body, AbortSignal.timeout(UPLOAD_TIMEOUT));
      const { status } = response;
      if (status === TOO_MANY_REQUESTS) throw retryLaterOf(response);
      const result = (await response.json().catch(() => null)) ?? {}; // a proxy may respond with HTML, even with status 200
      if (status >= 400 && status < 500) throw new Rejection(result.error ?? reasonFor(status));
      if (!result.messageId) throw new Error(`The server responded with status ${status}.`);
    },
  };
}

/** @param {Response} response */
const isSignedOut = (response) =>
  (response.redirected && new URL(response.url).pathname === urls.signIn) ||
  SIGNED_OUT_CODES.includes(response.headers.get("X-Error-Code") ?? "");

/** @param {number} status */
const reasonFor = (status) =>
  status === PAYLOAD_TOO_LARGE
    ? "The file is too large for a proxy in front of the server."
    : `The server, or a proxy in front of it, responded with status ${status}.`;
