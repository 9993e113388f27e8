// The function that the documented snippet calls: prints the inbox, one JSON array per line.
globalThis.renderInbox = (rows) => process.stdout.write(JSON.stringify(rows) + "\n");
console.log = console.error; // the client logs reconnects there
