import { createApi, isTransient } from "./api.js";
import { createApp } from "./app.js";
import { openPage } from "./page.js";

/**
 * The entry point: `<script src="https://HOST/widget.js" data-widget-id="ws_..." defer></script>`. So as not to slow down the
 * page, it starts when the page has loaded and is idle, with one request.
 */

const FIRST_WAIT = 5000;
const MAX_WAIT = 200_000;

/**
 * @param {import("./page.js").Page} page
 * @param {string} origin
 * @param {string} widgetId
 * @param {boolean} opens whether the widget opens automatically (data-open)
 */
async function begin(page, origin, widgetId, opens, wait = FIRST_WAIT) {
  const api = createApi(origin, widgetId);
  try {
    const config = await api.config();
    page.run(createApp({ origin, widgetId, opens, api, config, emit: page.emit }));
    page.emit("ready");
  } catch (error) {
    const rejection = /** @type {import("./api.js").Rejection} */ (error);
    if (isTransient(rejection) && wait < MAX_WAIT) setTimeout(begin, wait, page, origin, widgetId, opens, wait * 5);
    else console.warn("PraxTalk:", rejection.code || error);
  }
}

/** @param {() => void} work */
function whenIdle(work) {
  /** Safari has no requestIdleCallback. @type {any} */
  const later = globalThis.requestIdleCallback ?? setTimeout;
  const wait = () => later(work, { timeout: 3000 });
  if (document.readyState === "complete") wait();
  else addEventListener("load", wait, { once: true });
}

const script = /** @type {HTMLScriptElement | null} */ (document.currentScript);
const widgetId = script?.dataset.widgetId;
if (!widgetId) console.warn("PraxTalk: data-widget-id");
else {
  const { origin } = new URL(script.src, location.href);
  const page = openPage();
  if (page) whenIdle(() => begin(page, origin, widgetId, "open" in script.dataset));
}
