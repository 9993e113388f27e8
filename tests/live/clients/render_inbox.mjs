// What the snippet of the docs calls: prints the inbox, a JSON array a line.
globalThis.renderInbox = (rows) => process.stdout.write(JSON.stringify(rows) + "\n");
