import { isSignedOut } from "./api.js";

/**
 * Exchange the code of an e-mail's link for a visitor token. The code is valid on any device.
 *
 * @param {import("./extras.js").Outside} outside
 * @param {string} code
 * @returns {Promise<boolean>} false if the link is invalid or has expired; true also if the server did not answer
 */
export async function comeBack({ call, store, attach }, code) {
  try {
    const { token, visitor } = await call("return", { body: { code } });
    store.write({ token, visitor, identity: undefined }, true);
    attach();
    history.replaceState(history.state, "", location.pathname + location.search); // may throw in a sandboxed frame
  } catch (error) {
    return !isSignedOut(/** @type {import("./api.js").Refusal} */ (error));
  }
  return true;
}
