import { isSignedOut } from "./api.js";

/**
 * Exchange the code of an e-mail's link for a visitor token. The code is valid on any device.
 *
 * @param {import("./lazy.js").Options} options
 * @param {string} code
 * @returns {Promise<boolean>} false if the link is invalid or has expired; true also if the server did not respond
 */
export async function redeemMagicLink({ call, store, attach }, code) {
  try {
    const { token, visitor } = await call("return", { body: { code } });
    store.write({ token, visitor, identity: undefined }, true);
    attach();
    history.replaceState(history.state, "", location.pathname + location.search); // may throw in a sandboxed frame
  } catch (error) {
    return !isSignedOut(/** @type {import("./api.js").Rejection} */ (error));
  }
  return true;
}
