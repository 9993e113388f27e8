/**
 * The widget's HTTP API.
 *
 * @typedef {{_id?: string, name: string, contentType: string, size: number, width: number | null, height: number | null}} Attachment
 *   _id: missing before the file is sent; width, height: in pixels, null if it is not an image
 * @typedef {{_id: string, role: "visitor" | "operator" | "atlas", body: string, attachments: Attachment[],
 *   author: {name: string} | null, createdAt: number, clientId: string | null}} Message
 * @typedef {{messages: Message[], hasMore: boolean, status: string, typing: string[], seenId: string | null,
 *   readId: string | null, unread: number, online: boolean, opensAt: number | null,
 *   rating: {conversationId: string, value: number | null} | null}} Thread rating: null if the visitor is not asked for one
 * @typedef {{brand: {name: string, color: string}, side: "left" | "right", greeting: string, privacyUrl: string | null,
 *   locale: string, dir: "ltr" | "rtl", online: boolean, opensAt: number | null, texts: Record<string, string>}} Config
 * @typedef {{id: string, hash: string, name?: string, email?: string, phone?: string}} Identity
 * @typedef {{name?: string, email?: string, phone?: string, website?: string, page?: string, locale?: string, identity?: Identity}} Form
 * @typedef {{status: number, code: string, fields?: Record<string, string>, retryAfter: number}} Rejection
 *   status 0: there was no response, or an incomplete one; retryAfter: in seconds, 0 if the server did not send it
 * @typedef {ReturnType<typeof createApi>} Api
 */

/** Return whether the server rejected the token. A 401 alone may come from a proxy's login. @param {Rejection} rejection */
export const isSignedOut = ({ status, code }) => status === 401 && code === "unauthenticated";

/** Return whether a retry may succeed: no response, a server error, 408 or 429. @param {Rejection} rejection */
export const isTransient = ({ status = 0 }) => status < 400 || status > 499 || status === 408 || status === 429;

const TIMEOUT = 20_000;

/** Requests with `keepalive` may carry 64 KiB in total, so longer bodies are sent without it. */
const MAX_KEEPALIVE_LENGTH = 30_000;

/** @param {string} origin @param {string} widgetId */
export function createApi(origin, widgetId) {
  /**
   * @param {string} path
   * @param {{token?: string, body?: object, form?: FormData, patience?: number, isFile?: boolean}} [options]
   * @returns {Promise<any>} rejects with a Rejection
   */
  const call = async (path, { token, body, form, patience = TIMEOUT, isFile } = {}) => {
    const text = body && JSON.stringify({ widgetId, ...body });
    /** @type {Response | undefined} */
    let response;
    let rejection = {};
    try {
      response = await fetch(`${origin}/widget/v1/${path}`, {
        method: text || form ? "POST" : "GET",
        headers: {
          ...(text && { "Content-Type": "application/json" }),
          ...(token && { Authorization: `Bearer ${token}` }),
        },
        body: form ?? text,
        credentials: "omit",
        keepalive: Boolean(text && text.length < MAX_KEEPALIVE_LENGTH),
        signal: AbortSignal.timeout(patience),
      });
      const content = await (response.ok && isFile ? response.blob() : response.json());
      if (response.ok) return content;
      rejection = content;
    } catch {
      // No response, an incomplete body, or one that is not JSON: of a proxy's error page, only the status is used.
    }
    const status = response && !response.ok ? response.status : 0;
    throw { code: "", ...rejection, status, retryAfter: Number(response?.headers.get("Retry-After")) || 0 };
  };

  return {
    call,
    /** @returns {Promise<Config>} */
    config: () => call(`config?${new URLSearchParams({ id: widgetId, locale: navigator.language })}`),
    /** @param {Form & {message: string, clientId: string}} body */
    start: (body) => call("start", { body }),
    /** @param {Identity} body @param {string} [token] the browser's current token */
    identify: (body, token) => call("identify", { body, token }),
    /** @param {string} token @param {string} body @param {string} clientId */
    send: (token, body, clientId) => call("messages", { token, body: { body, clientId } }),
    /** @param {string} token @param {string} [before] */
    messages: (token, before) =>
      call(`messages?${new URLSearchParams({ widgetId, ...(before && { before }) })}`, { token }),
  };
}
