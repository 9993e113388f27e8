// What the snippet of the docs calls: prints the inbox, a JSON array a line.
globalThis.renderInbox = (rows) => process.stdout.write(JSON.stringify(rows) + "\n");
console.log = console.error; // the client tells there when it has reconnected
