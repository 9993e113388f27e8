import { ConvexClient } from "convex/browser";
const client = new ConvexClient(process.env.PRAXTALK_CONVEX_URL!);
client.onUpdate(
"conversations:listInbox",
{ sessionToken: "<operator token>", status: "open" },
(rows) => renderInbox(rows),
);
