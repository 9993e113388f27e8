/** What an answer to something that was sent means: refused for good, to be tried again, or to be tried later. */

import { reasonOf } from "./dom.js";

/** It will never be taken as it is. `message` says why, as a sentence. */
export class Refusal extends Error {}

/** To be tried again after so many seconds, as the server asked. */
export class Later extends Error {
  /** @param {number} seconds */
  constructor(seconds) {
    super(`Too many requests. Again in ${seconds} s.`);
    this.seconds = seconds;
  }
}

const REFUSALS = new Set(["NOT_FOUND", "INVALID", "CONFLICT", "ARGS_TOO_LARGE"]); // codes of the live functions
const WRONG_ARGUMENTS = "ArgumentValidationError"; // has no code
const PAUSE = 30; // seconds, where none are named
const LONGEST_PAUSE = 3600;

/** Why something is refused; undefined when it is to be tried again. @param {unknown} error */
export const refusalOf = (error) => {
  const { data, message } = /** @type {any} */ (error);
  const code = data?.code ?? "";
  const isRefused = error instanceof Refusal || REFUSALS.has(code) || message.startsWith(WRONG_ARGUMENTS);
  return isRefused ? { code, message: reasonOf(error) } : undefined;
};

/** How long the server asked to wait; undefined where it did not. @param {unknown} error */
export const secondsToWait = (error) => {
  if (error instanceof Later) return error.seconds;
  const { code, retryAfter } = /** @type {any} */ (error).data ?? {};
  return code === "RATE_LIMITED" ? (retryAfter ?? PAUSE) : undefined;
};

/** Of an answer with the status 429: seconds or a date (RFC 9110, section 10.2.3). @param {Response} answer */
export const laterOf = (answer) => {
  const value = answer.headers.get("Retry-After") ?? "";
  const seconds = /^\d+$/.test(value) ? Number(value) : Math.ceil((Date.parse(value) - Date.now()) / 1000);
  return new Later(Math.min(LONGEST_PAUSE, Math.max(1, Number.isNaN(seconds) ? PAUSE : seconds)));
};
