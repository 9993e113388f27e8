// Runs a client in a test's page. `events` lists the values of watchers, mutations and states, in order.
async ([url, tokens]) => {
  const { connect } = await import("/static/live/client.js");
  const record = (what) => (value) => {
    tab.events.push([what, value]);
  };
  const tab = {
    events: [],
    tokenRequests: [],
    sockets: [],
    getToken(authError) {
      tab.tokenRequests.push(authError ?? null);
      return tokens[Math.min(tab.tokenRequests.length, tokens.length) - 1];
    },
    watch: (what, name, args) => {
      tab.client.watch(name, args, record(what), (error) => record(`${what} failed`)(error.message));
    },
    mutate: (what, name, args) => {
      tab.client.mutate(name, args).then(record(what), (error) => record(`${what} failed`)(error.message));
    },
    newest: (what) => tab.events.findLast(([of]) => of === what)?.[1],
    all: (what) => tab.events.filter(([of]) => of === what).map(([, value]) => value),
  };
  class Socket extends WebSocket {
    constructor(address) {
      super(address);
      tab.sockets.push(this);
    }
  }
  tab.client = connect(url, { getToken: tab.getToken, onState: record("state"), WebSocket: Socket });
  window.tab = tab;
};
