// The rival: socket.io with its Redis adapter, as people write it. Two processes behind Node's own `cluster`, which hands each
// connection to one of them in turn (sockets are WebSockets from the start, so none has to come back to the same process).
//
// On the word that something changed, one process reads the inbox and emits it to the room; the adapter brings it to the other
// process's sockets through Valkey. The rows come by the SQL that PraxTalk sends, and become the JSON that PraxTalk sends.

import cluster from "node:cluster";
import { createServer } from "node:http";
import { createAdapter } from "@socket.io/redis-adapter";
import pg from "pg";
import { createClient } from "redis";
import { Server } from "socket.io";

const { PORT, PROCESSES, REDIS_URL, RIVAL_CHANNEL, RIVAL_SQL, RIVAL_VALUES, RIVAL_THREADS } = process.env;
const ROOM = "inbox";

if (cluster.isPrimary) {
  for (let number = 0; number < Number(PROCESSES); number++) cluster.fork();
} else {
  await serve();
}

async function serve() {
  const pool = new pg.Pool({ max: Number(RIVAL_THREADS) }); // its address stands in libpq's variables
  const query = { name: "inbox", text: RIVAL_SQL, values: JSON.parse(RIVAL_VALUES), rowMode: "array" };
  const inbox = async () => (await pool.query(query)).rows.map(conversation);

  const [publisher, subscriber, words] = await Promise.all([1, 2, 3].map(() => connected(createClient({ url: REDIS_URL }))));
  const http = createServer((request, response) => response.end("ok"));
  const io = new Server(http, { transports: ["websocket"], adapter: createAdapter(publisher, subscriber) });
  io.on("connection", async (socket) => {
    socket.join(ROOM);
    socket.emit("inbox", await inbox());
  });
  if (cluster.worker.id === 1) {
    await words.subscribe(RIVAL_CHANNEL, async () => io.to(ROOM).emit("inbox", await inbox()));
  }
  http.listen(Number(PORT), "127.0.0.1", 1024);
}

async function connected(client) {
  client.on("error", (error) => console.error(error));
  await client.connect();
  return client;
}

function conversation([
  id, status, channel, brand, preview, count, wakes, created, updated, newest, visitor, name, email, phone, assignee, assigned,
]) {
  return {
    _id: id,
    status,
    channel,
    brandId: brand,
    visitor: { _id: visitor, name, email: email || null, phone: phone || null },
    assignee: assignee ? { _id: assignee, name: assigned } : null,
    preview,
    messageCount: count,
    snoozedUntil: wakes ? wakes.getTime() : null,
    createdAt: created.getTime(),
    updatedAt: updated.getTime(),
    lastMessageAt: newest.getTime(),
  };
}
