import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { isolatedText } from "../../static/dashboard/inbox/dom.js";
import { markup, plainText } from "../../static/shared/markup/markup.js";
import { previewOf } from "../../static/shared/markup/preview.js";
import { isComposing, sendable } from "../../static/shared/text.js";

const CASES = JSON.parse(readFileSync(new URL("cases.json", import.meta.url)));
const ENTITIES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;" };
const escaped = (text) => text.replace(/[&<>"']/g, (char) => ENTITIES[char]);

/** An element as the HTML that a browser would write for it. */
const make = (tag, attributes, ...children) => {
  const given = Object.entries(attributes).map(([name, value]) => ` ${name}="${escaped(value)}"`);
  return { html: `<${tag}${given.join("")}>${tag === "br" ? "" : `${htmlOf(children)}</${tag}>`}` };
};
const htmlOf = (nodes) => nodes.map((node) => node.html ?? escaped(node)).join("");

for (const { name, text, markdown, plain, preview } of CASES)
  test(name, () => {
    assert.equal(htmlOf(markup(text, make)), markdown);
    if (plain !== undefined) assert.equal(htmlOf(plainText(text, make)), plain);
    if (preview !== undefined) assert.equal(previewOf(text).replace(/\s+/g, " "), preview.replace(/\s+/g, " ").trim());
  });

test("a preview that is cut off inside a block of code does not show its fence", () => {
  assert.equal(previewOf(`See\n\`\`\`js\n${"x".repeat(140)}`), `See ${"x".repeat(140)}`);
});

test("what is sent is well-formed, and has something to see", () => {
  const sent = { " a\0b ": "ab", "a\ud83d": "a\ufffd", "👩‍💻": "👩‍💻", "‌می‌خواهم": "‌می‌خواهم", "\ue000": "\ue000" };
  for (const [typed, expected] of Object.entries(sent)) assert.equal(sendable(typed), expected);
  for (const typed of ["", " \n", "\0", "\u200b", "\u2060 \u200d", "\u2800", "\u3164", "\u202e", "\ufeff\u0001"])
    assert.equal(sendable(typed), "");
});

test("a key belongs to an input method if it says so, or by its code", () => {
  assert.equal(isComposing({ isComposing: true, keyCode: 13 }), true);
  assert.equal(isComposing({ isComposing: false, keyCode: 229 }), true);
  assert.equal(isComposing({ isComposing: false, keyCode: 13 }), false);
});

test("a name in a notification is isolated if its direction could affect the rest", () => {
  assert.equal(isolatedText("Łukasz 日本"), "Łukasz 日本");
  assert.equal(isolatedText("\u202eecilA\u2069"), "\u2068ecilA\u2069");
  assert.equal(isolatedText("ليلى"), "\u2068ليلى\u2069");
});

const HOSTILE = JSON.parse(readFileSync(new URL("hostile.json", import.meta.url)));

/** The shortest of three runs, in ms. The text repeats a part until it has this length. */
const duration = (part, length) => {
  const text = part.repeat(Math.ceil(length / part.length)).slice(0, length);
  const runs = [1, 2, 3].map(() => {
    const begun = performance.now();
    markup(text, make);
    plainText(text, make);
    previewOf(text);
    return performance.now() - begun;
  });
  return Math.min(...runs);
};

for (const part of HOSTILE)
  test(`the time grows with the length and not with its square: ${JSON.stringify(part)}`, () => {
    duration(part, 2_500); // compiles the code
    for (let tries = 3; ; tries--) {
      const [short, long] = [duration(part, 2_500), duration(part, 40_000)]; // 16 times as long; the square is 256
      if (long < 100 * Math.max(short, 0.1)) return;
      assert.ok(tries, `${short} ms, then ${long} ms`); // the machine may be busy
    }
  });
