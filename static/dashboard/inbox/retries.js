/** Classify failed deliveries: rejected for good, to be retried, or to be retried at a given time. */

import { reasonOf } from "./dom.js";

/** The server rejected it for good. `message` is the reason as a sentence. */
export class Rejection extends Error {}

/** The server asked to retry after a number of seconds. */
export class RetryLater extends Error {
  /** @param {number} seconds */
  constructor(seconds) {
    super(`Too many requests. Retry in ${seconds} s.`);
    this.seconds = seconds;
  }
}

/** @import { LiveError } from "../../live/client.js" */

const REJECTIONS = new Set(["NOT_FOUND", "INVALID", "CONFLICT", "ARGS_TOO_LARGE"]); // error codes of the live functions
const WRONG_ARGUMENTS = "ArgumentValidationError"; // the message's prefix, since this error has no code
const DEFAULT_WAIT = 30; // seconds, if the server names none
const MAX_WAIT = 3600;

/** Return why something was rejected; undefined if it can be retried. @param {unknown} error */
export const rejectionOf = (error) => {
  const { data, message } = /** @type {LiveError} */ (error);
  const code = data?.code ?? "";
  const isRejected = error instanceof Rejection || REJECTIONS.has(code) || message.startsWith(WRONG_ARGUMENTS);
  return isRejected ? { code, message: reasonOf(error) } : undefined;
};

/** Return how many seconds the server asked to wait; undefined if it did not. @param {unknown} error */
export const retryAfter = (error) => {
  if (error instanceof RetryLater) return error.seconds;
  const { data } = /** @type {LiveError} */ (error);
  return data?.code === "RATE_LIMITED" ? (data.retryAfter ?? DEFAULT_WAIT) : undefined;
};

/** Read Retry-After of a 429 response: seconds or a date (RFC 9110, section 10.2.3). @param {Response} response */
export const retryLaterOf = (response) => {
  const value = response.headers.get("Retry-After") ?? "";
  const seconds = /^\d+$/.test(value) ? Number(value) : Math.ceil((Date.parse(value) - Date.now()) / 1000);
  return new RetryLater(Math.min(MAX_WAIT, Math.max(1, Number.isNaN(seconds) ? DEFAULT_WAIT : seconds)));
};
