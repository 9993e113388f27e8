// The widget's main flow in Firefox: send the form, get a reply, send a second message, reload, and find the thread.
//   node firefox.mjs FIREFOX PROFILE URL
// Prints "written" when the first message is being sent and "found" after the reload. The last line lists console
// errors and policy violations as JSON.
import { launch, shows } from "./firefox_launch.mjs";

const [executablePath, userDataDir, url] = process.argv.slice(2);
const browser = await launch(executablePath, userDataDir);
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

await part(".bubble").click();
await part("#name").fill("Maya A.");
await part("#email").fill("maya@example.com");
await part("#message").fill("Do you ship to Addis Ababa?");
await part(".submit").click();
await shows(page, "Do you ship to Addis Ababa?");
console.log("written");
await shows(page, "We do: about six days.");
await part(".composer textarea").fill("Thanks!");
await page.keyboard.press("Enter");
await shows(page, "Thanks!");
await part(".attach").wait();
await page.reload();
await shows(page, "We do: about six days.");
await shows(page, "Thanks!");
console.log("found");
await browser.close();
console.log(JSON.stringify(complaints));
