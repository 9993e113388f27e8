// A CRM's inbox with the hooks of convex/react: authenticated by setAuth, with optimistic replies.
import { ConvexProvider, ConvexReactClient, useMutation, useQuery } from "convex/react";
import { anyApi } from "convex/server";
import { createRoot } from "react-dom/client";

const { url, token } = Object.fromEntries(new URLSearchParams(location.search));
const client = new ConvexReactClient(url);
client.setAuth(async () => token);

function Inbox() {
  const rows = useQuery(anyApi.conversations.listInbox, { status: "open" });
  if (rows === undefined) return <p>Loading ...</p>;
  return rows.map((row) => <Talk key={row._id} id={row._id} preview={row.preview} />);
}

function Talk({ id, preview }) {
  const thread = useQuery(anyApi.messages.list, { conversationId: id });
  const send = useMutation(anyApi.messages.send).withOptimisticUpdate((store, { conversationId, body }) => {
    const seen = store.getQuery(anyApi.messages.list, { conversationId });
    const pending = { _id: "pending", body };
    if (seen) store.setQuery(anyApi.messages.list, { conversationId }, { ...seen, messages: [...seen.messages, pending] });
  });
  return (
    <section>
      <h2>{preview}</h2>
      <ul>{thread?.messages.map((message) => <li key={message._id}>{message.body}</li>)}</ul>
      <button onClick={() => send({ conversationId: id, body: "by a hook" })}>Reply</button>
    </section>
  );
}

createRoot(document.querySelector("#root")).render(
  <ConvexProvider client={client}>
    <Inbox />
  </ConvexProvider>,
);
