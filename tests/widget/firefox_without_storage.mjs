// The widget in a Firefox that denies it storage, by its settings or by a sandbox: send the form, get a reply, send a
// second message.
//   node firefox_without_storage.mjs FIREFOX PROFILE URL SETTINGS
// SETTINGS is a JSON object of about:config preferences. The widget is in the page's frame, if there is one,
// otherwise in the page. Prints "written" when the first message is being sent, and the widget's notice about storage
// after the reply and the second message.
import { launch, shows } from "./firefox_launch.mjs";

const [executablePath, userDataDir, url, settings] = process.argv.slice(2);
const browser = await launch(executablePath, userDataDir, JSON.parse(settings));
const page = await browser.newPage();
await page.goto(url);
const frame = page.frames().at(-1);

/** @param {string} selector inside the widget */
const part = (selector) => frame.locator(`#praxtalk >>> ${selector}`);

await part(".bubble").click();
await part("#name").fill("Maya A.");
await part("#email").fill("maya@example.com");
await part("#message").fill("Do you ship to Addis Ababa?");
await part(".submit").click();
await shows(frame, "Do you ship to Addis Ababa?");
console.log("written");
await shows(frame, "We do: about six days.");
await part(".composer textarea").fill("Thanks!");
await page.keyboard.press("Enter");
await shows(frame, "Thanks!");
const notice = await frame.waitForFunction(
  () => {
    const line = document.querySelector("#praxtalk").shadowRoot.querySelector(".notice");
    return line.textContent.includes("ends when you leave") && line.textContent;
  },
  { timeout: 15_000 },
);
console.log(await notice.jsonValue());
await browser.close();
