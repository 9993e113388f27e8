/** Classify the failures of what was sent: rejected for good, to be retried, or to be retried at a given time. */

import { reasonOf } from "./dom.js";

/** The server rejected it for good. `message` is the reason as a sentence. */
export class Refusal extends Error {}

/** The server asked to retry after a number of seconds. */
export class Later extends Error {
  /** @param {number} seconds */
  constructor(seconds) {
    super(`Too many requests. Again in ${seconds} s.`);
    this.seconds = seconds;
  }
}

const REFUSALS = new Set(["NOT_FOUND", "INVALID", "CONFLICT", "ARGS_TOO_LARGE"]); // error codes of the live functions
const WRONG_ARGUMENTS = "ArgumentValidationError"; // the message's prefix, since this error has no code
const PAUSE = 30; // seconds, if the server names none
const LONGEST_PAUSE = 3600;

/** Return why something was rejected; undefined if it can be retried. @param {unknown} error */
export const refusalOf = (error) => {
  const { data, message } = /** @type {any} */ (error);
  const code = data?.code ?? "";
  const isRefused = error instanceof Refusal || REFUSALS.has(code) || message.startsWith(WRONG_ARGUMENTS);
  return isRefused ? { code, message: reasonOf(error) } : undefined;
};

/** Return how many seconds the server asked to wait; undefined if it did not. @param {unknown} error */
export const secondsToWait = (error) => {
  if (error instanceof Later) return error.seconds;
  const { code, retryAfter } = /** @type {any} */ (error).data ?? {};
  return code === "RATE_LIMITED" ? (retryAfter ?? PAUSE) : undefined;
};

/** Read Retry-After of a 429 response: seconds or a date (RFC 9110, section 10.2.3). @param {Response} answer */
export const laterOf = (answer) => {
  const value = answer.headers.get("Retry-After") ?? "";
  const seconds = /^\d+$/.test(value) ? Number(value) : Math.ceil((Date.parse(value) - Date.now()) / 1000);
  return new Later(Math.min(LONGEST_PAUSE, Math.max(1, Number.isNaN(seconds) ? PAUSE : seconds)));
};
