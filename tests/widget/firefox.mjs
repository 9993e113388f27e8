// The widget's main flow in Firefox: a form is sent, a reply comes, another message is written, a reload finds the thread.
//   node firefox.mjs FIREFOX PROFILE URL     prints "written" when the first message is on its way, "found" after the reload, and
// at last what the console and the page's policy complained of, as JSON.
import puppeteer from "../live/node_modules/puppeteer-core/lib/puppeteer/puppeteer-core.js";

const [executablePath, userDataDir, url] = process.argv.slice(2);
const QUIET = {
  "app.normandy.enabled": false,
  "app.update.disabledForTesting": true,
  "browser.chrome.site_icons": false, // the policy of the page would forbid its own icon
  "datareporting.policy.dataSubmissionEnabled": false,
  "network.captive-portal-service.enabled": false,
  "network.connectivity-service.enabled": false,
  "services.settings.server": "data:,#remote-settings-dummy/v1",
  "toolkit.telemetry.enabled": false,
};

const browser = await puppeteer.launch({
  browser: "firefox",
  executablePath,
  userDataDir,
  extraPrefsFirefox: QUIET,
});
const page = await browser.newPage();
const complaints = [];
page.on("pageerror", (error) => complaints.push(String(error)));
page.on("console", (message) => {
  if (message.type() === "error" || message.text().startsWith("csp report: ")) complaints.push(message.text());
});
await page.evaluateOnNewDocument(() =>
  addEventListener("securitypolicyviolation", (event) =>
    console.debug(`csp report: ${event.effectiveDirective} ${event.blockedURI}`),
  ),
);
await page.goto(url);

/** @param {string} selector inside the widget */
const part = (selector) => page.locator(`#praxtalk >>> ${selector}`);
/** @param {string} text @returns {Promise<unknown>} once the thread shows it */
const shows = (text) =>
  page.waitForFunction(
    (wanted) =>
      [...document.querySelector("#praxtalk").shadowRoot.querySelectorAll("[role=log] .text")].some(
        (one) => one.textContent === wanted && one.checkVisibility(),
      ),
    { timeout: 15_000 },
    text,
  );

await part(".bubble").click();
await part("#name").fill("Maya A.");
await part("#email").fill("maya@example.com");
await part("#message").fill("Do you ship to Addis Ababa?");
await part(".submit").click();
await shows("Do you ship to Addis Ababa?");
console.log("written");
await shows("We do: about six days.");
await part(".composer textarea").fill("Thanks!");
await page.keyboard.press("Enter");
await shows("Thanks!");
await part(".attach").wait();
await page.reload();
await shows("We do: about six days.");
await shows("Thanks!");
console.log("found");
await browser.close();
console.log(JSON.stringify(complaints));
