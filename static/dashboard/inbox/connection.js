/** The line that shows problems of the connection. */

import { byId, h, setText } from "./dom.js";
import { addresses } from "./http.js";

const WORDS = {
  live: "",
  connecting: "Reconnecting …",
  offline: "You are offline. What you write is kept, and sent when the connection is back.",
};
const LATE = "What others do is shown late at the moment, by up to a minute.";

/** @param {{state: keyof typeof WORDS, isSignedOut?: boolean, isLate?: boolean}} app */
export const showConnection = ({ state, isSignedOut, isLate }) => {
  const line = byId("connection");
  if (isSignedOut) line.replaceChildren("You are signed out. ", h("a", { href: addresses.signIn() }, "Sign in again"));
  else setText(line, WORDS[state] || (isLate ? LATE : ""));
  line.hidden = !line.textContent;
};
