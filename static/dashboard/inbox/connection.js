/** The line that shows problems of the connection. */

import { byId, h, setText } from "./dom.js";
import { urls } from "./urls.js";

/** @import { InboxStore } from "./types.d.ts" */

const TEXTS = {
  live: "",
  connecting: "Reconnecting …",
  offline: "You are offline. Your messages are saved, and sent when you are back online.",
};
const LATE = "Updates from others may be delayed by up to a minute.";

/** @param {{store: InboxStore}} options */
export function createConnectionLine({ store }) {
  const line = byId("connection");

  const draw = () => {
    if (store.get("isSignedOut"))
      line.replaceChildren("You are signed out. ", h("a", { href: urls.signInAgain() }, "Sign in again"));
    else setText(line, TEXTS[store.get("connection")] || (store.get("isLate") ? LATE : ""));
    line.hidden = !line.textContent;
  };

  store.subscribe(["connection", "isSignedOut", "isLate"], draw);
  draw();
}
