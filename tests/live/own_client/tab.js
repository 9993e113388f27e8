// Runs a client in a test's page. `news` lists the values of watchers, mutations and states, in order.
async ([url, tokens]) => {
  const { connect } = await import("/static/live/client.js");
  const tell = (what) => (value) => {
    tab.news.push([what, value]);
  };
  const tab = {
    news: [],
    asked: [],
    sockets: [],
    getToken(refused) {
      tab.asked.push(refused ?? null);
      return tokens[Math.min(tab.asked.length, tokens.length) - 1];
    },
    watch: (what, name, args) => {
      tab.client.watch(name, args, tell(what), (error) => tell(`${what} failed`)(error.message));
    },
    mutate: (what, name, args) => {
      tab.client.mutate(name, args).then(tell(what), (error) => tell(`${what} failed`)(error.message));
    },
    newest: (what) => tab.news.findLast(([of]) => of === what)?.[1],
    all: (what) => tab.news.filter(([of]) => of === what).map(([, value]) => value),
  };
  class Socket extends WebSocket {
    constructor(address) {
      super(address);
      tab.sockets.push(this);
    }
  }
  tab.client = connect(url, { getToken: tab.getToken, onState: tell("state"), WebSocket: Socket });
  window.tab = tab;
};
