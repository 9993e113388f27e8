/**
 * The server's HTTP answers.
 *
 * @typedef {{_id?: string, name: string, contentType: string, size: number, width: number | null, height: number | null}} Attachment
 *   _id: none before it is sent; width, height: of an image, in pixels
 * @typedef {{_id: string, role: "visitor" | "operator" | "atlas", body: string, attachments: Attachment[],
 *   author: {name: string} | null, createdAt: number, clientId: string | null}} Message
 * @typedef {{messages: Message[], hasMore: boolean, status: string, typing: string[], seenId: string | null,
 *   readId: string | null, unread: number, online: boolean, opensAt: number | null,
 *   rating: {conversationId: string, value: number | null} | null}} Thread rating: of what has come to its end
 * @typedef {{brand: {name: string, color: string}, side: "left" | "right", greeting: string, privacyUrl: string | null,
 *   locale: string, dir: "ltr" | "rtl", online: boolean, opensAt: number | null, texts: Record<string, string>}} Config
 * @typedef {{id: string, hash: string, name?: string, email?: string, phone?: string}} Identity
 * @typedef {{name?: string, email?: string, phone?: string, website?: string, page?: string, locale?: string, identity?: Identity}} Form
 * @typedef {{status: number, code: string, fields?: Record<string, string>, retryAfter: number}} Refusal
 *   status 0: there was no answer, or one that was cut off; retryAfter: in seconds, 0 where the server does not say
 * @typedef {ReturnType<typeof createApi>} Api
 */

/** Whether the server has refused the token. A proxy may ask for a password, with 401 too. @param {Refusal} refusal */
export const isSignedOut = ({ status, code }) => status === 401 && code === "unauthenticated";

/** Whether the same request may succeed later: no answer, a fault of the server, or too many. @param {Refusal} refusal */
export const isTransient = ({ status = 0 }) => status < 400 || status > 499 || status === 408 || status === 429;

const PATIENCE = 20_000;

/** A request that shall outlive its page may carry 64 KiB, together with others. */
const LONGEST_LIVED = 30_000;

/** @param {string} origin @param {string} widgetId */
export function createApi(origin, widgetId) {
  /**
   * @param {string} path
   * @param {{token?: string, body?: object, form?: FormData, patience?: number, isFile?: boolean}} [options]
   * @returns {Promise<any>} rejects with a Refusal
   */
  const call = async (path, { token, body, form, patience = PATIENCE, isFile } = {}) => {
    const text = body && JSON.stringify({ widgetId, ...body });
    /** @type {Response | undefined} */
    let response;
    let refusal = {};
    try {
      response = await fetch(`${origin}/widget/v1/${path}`, {
        method: text || form ? "POST" : "GET",
        headers: {
          ...(text && { "Content-Type": "application/json" }),
          ...(token && { Authorization: `Bearer ${token}` }),
        },
        body: form ?? text,
        credentials: "omit",
        keepalive: Boolean(text && text.length < LONGEST_LIVED),
        signal: AbortSignal.timeout(patience),
      });
      const answer = await (response.ok && isFile ? response.blob() : response.json());
      if (response.ok) return answer;
      refusal = answer;
    } catch {
      // no answer, or a body that is cut off or not ours: a proxy's error page says what it has to say by its status
    }
    const status = response && !response.ok ? response.status : 0;
    throw { code: "", ...refusal, status, retryAfter: Number(response?.headers.get("Retry-After")) || 0 };
  };

  return {
    call,
    /** @returns {Promise<Config>} */
    config: () => call(`config?${new URLSearchParams({ id: widgetId, locale: navigator.language })}`),
    /** @param {Form & {message: string, clientId: string}} body */
    start: (body) => call("start", { body }),
    /** @param {Identity} body @param {string} [token] the browser's own */
    identify: (body, token) => call("identify", { body, token }),
    /** @param {string} token @param {string} body @param {string} clientId */
    send: (token, body, clientId) => call("messages", { token, body: { body, clientId } }),
    /** @param {string} token @param {string} [before] */
    messages: (token, before) =>
      call(`messages?${new URLSearchParams({ widgetId, ...(before && { before }) })}`, { token }),
  };
}
