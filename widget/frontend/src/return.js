import { isSignedOut } from "./api.js";

/**
 * Exchanges the code of an e-mail's link for the visitor's token. The code is good on any device.
 *
 * @param {import("./extras.js").Outside} outside
 * @param {string} code
 * @returns {Promise<boolean>} whether the link is still good; true where nobody answered
 */
export async function comeBack({ call, store, attach }, code) {
  try {
    const { token, visitor } = await call("return", { body: { code } });
    store.write({ token, visitor, identity: undefined }, true);
    attach();
    history.replaceState(history.state, "", location.pathname + location.search); // a sandboxed frame may not
  } catch (error) {
    return !isSignedOut(/** @type {import("./api.js").Refusal} */ (error));
  }
  return true;
}
