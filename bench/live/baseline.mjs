// The server with which PraxTalk is compared: a typical use of socket.io with its Redis adapter. Node's `cluster` distributes the
// connections over two processes in turn. Only the WebSocket transport is used, so no sticky sessions are necessary.
//
// When a change is published, one process queries the inbox and emits it to the room. The adapter forwards it through Valkey to
// the sockets of the other process. The server runs the same SQL and sends the same JSON as PraxTalk.

import cluster from "node:cluster";
import { createServer } from "node:http";
import { createAdapter } from "@socket.io/redis-adapter";
import pg from "pg";
import { createClient } from "redis";
import { Server } from "socket.io";

const { PORT, PROCESSES, REDIS_URL, BASELINE_CHANNEL, BASELINE_SQL, BASELINE_VALUES, BASELINE_THREADS } = process.env;
const ROOM = "inbox";

if (cluster.isPrimary) {
  for (let number = 0; number < Number(PROCESSES); number++) cluster.fork();
} else {
  await serve();
}

async function serve() {
  const pool = new pg.Pool({ max: Number(BASELINE_THREADS) }); // libpq's environment variables contain its address
  const query = { name: "inbox", text: BASELINE_SQL, values: JSON.parse(BASELINE_VALUES), rowMode: "array" };
  const inbox = async () => (await pool.query(query)).rows.map(conversation);

  const [publisher, subscriber, changes] = await Promise.all([1, 2, 3].map(() => connected(createClient({ url: REDIS_URL }))));
  const http = createServer((request, response) => response.end("ok"));
  const io = new Server(http, { transports: ["websocket"], adapter: createAdapter(publisher, subscriber) });
  io.on("connection", async (socket) => {
    socket.join(ROOM);
    socket.emit("inbox", await inbox());
  });
  if (cluster.worker.id === 1) {
    await changes.subscribe(BASELINE_CHANNEL, async () => io.to(ROOM).emit("inbox", await inbox()));
  }
  http.listen(Number(PORT), "127.0.0.1", 1024);
}

async function connected(client) {
  client.on("error", (error) => console.error(error));
  await client.connect();
  return client;
}

function conversation([
  id, status, channel, brand, preview, count, wakes, created, updated, newest, waiting, visitor, name,
  email, phone, assignee, assigned,
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
    waitingSince: waiting ? waiting.getTime() : null,
  };
}
