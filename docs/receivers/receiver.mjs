// A receiver of PraxTalk webhooks: Node 18 or later, no packages.
//
// PRAXTALK_WEBHOOK_SECRET=whsec_... node receiver.mjs

import crypto from "node:crypto";
import http from "node:http";

const SECRET = process.env.PRAXTALK_WEBHOOK_SECRET ?? "";
const PORT = Number(process.env.PORT || 9000);
const MAX_BODY = 1024 * 1024; // bytes
const MAX_SEEN = 10_000; // event ids

/**
 * Your code goes here: event.type says what happened, event.data holds the objects. Ignore types you do not use.
 *
 * PraxTalk waits 15 seconds for the answer. Put slow work into a queue and return; an exception makes PraxTalk send the
 * event again.
 */
async function handle(event) {
  console.log(event.type, event.id);
}

const FIVE_MINUTES = 300; // seconds

/** rawBody: the Buffer as it arrived. header: X-PraxTalk-Signature. secret: the whole whsec_... string. */
function verify(rawBody, header, secret, now = Date.now() / 1000) {
  const [timeField, ...fields] = header.split(",");
  const timestamp = /^t=([0-9]{1,12})$/.exec(timeField)?.[1];
  if (!timestamp || Math.abs(now - Number(timestamp)) > FIVE_MINUTES) return false;
  const mac = crypto.createHmac("sha256", secret).update(`${timestamp}.`).update(rawBody);
  const expected = Buffer.from(`v1=${mac.digest("hex")}`);
  // While the secret is being changed there are two v1, one for each secret. Any will do, so you can switch at any moment.
  return fields.some((field) => {
    const received = Buffer.from(field);
    return received.length === expected.length && crypto.timingSafeEqual(received, expected);
  });
}

// In earnest: a table with a unique key on the event's id, written in one transaction with what handle() writes. This set
// is lost with the process, and each process has its own.
const seen = new Set();

/** Whether this id was not seen before; from now on it was. */
function isNew(id) {
  if (seen.has(id)) return false;
  seen.add(id);
  if (seen.size > MAX_SEEN) seen.delete(seen.values().next().value); // the oldest
  return true;
}

/** The body's bytes, or null if there are too many. */
async function readBody(request) {
  const chunks = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size <= MAX_BODY) chunks.push(chunk); // leaving the loop would cut the connection before the answer
  }
  return size <= MAX_BODY ? Buffer.concat(chunks) : null;
}

/** The status to answer with. */
async function receive(request) {
  const rawBody = await readBody(request);
  if (rawBody === null) return 413;
  if (!verify(rawBody, request.headers["x-praxtalk-signature"] ?? "", SECRET)) return 400;
  const event = JSON.parse(rawBody);
  if (isNew(event.id)) {
    try {
      await handle(event);
    } catch (problem) {
      seen.delete(event.id); // it will come again
      throw problem;
    }
  }
  return 204;
}

if (!SECRET) {
  console.error("Set PRAXTALK_WEBHOOK_SECRET to the whsec_... that PraxTalk showed.");
  process.exit(1);
}
const server = http.createServer(async (request, response) => {
  let status = 500;
  try {
    status = await receive(request);
  } catch (problem) {
    console.error(problem);
  }
  response.writeHead(status).end();
});
// On loopback: a web server with a certificate stands in front and passes the body on untouched.
server.listen(PORT, "127.0.0.1", () => console.error(`Listening on http://127.0.0.1:${PORT}/`));
