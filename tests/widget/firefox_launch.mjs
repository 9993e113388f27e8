import puppeteer from "../live/node_modules/puppeteer-core/lib/puppeteer/puppeteer-core.js";

const QUIET = {
  "app.normandy.enabled": false,
  "app.update.disabledForTesting": true,
  "browser.chrome.site_icons": false, // the page's policy would block its own icon
  "datareporting.policy.dataSubmissionEnabled": false,
  "network.captive-portal-service.enabled": false,
  "network.connectivity-service.enabled": false,
  "services.settings.server": "data:,#remote-settings-dummy/v1",
  "toolkit.telemetry.enabled": false,
};

/**
 * A Firefox without calls of its own to anywhere.
 *
 * @param {string} executablePath
 * @param {string} userDataDir
 * @param {Record<string, unknown>} [settings] more of what about:config holds
 */
export const launch = (executablePath, userDataDir, settings = {}) =>
  puppeteer.launch({ browser: "firefox", executablePath, userDataDir, extraPrefsFirefox: { ...QUIET, ...settings } });

/** Wait until the widget's thread shows a text. @param {any} frame a page or a frame of it @param {string} text */
export const shows = (frame, text) =>
  frame.waitForFunction(
    (wanted) =>
      [...document.querySelector("#praxtalk").shadowRoot.querySelectorAll("[role=log] .text")].some(
        (one) => one.textContent === wanted && one.checkVisibility(),
      ),
    { timeout: 15_000 },
    text,
  );
