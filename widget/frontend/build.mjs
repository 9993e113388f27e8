// Bundles src/index.js into static/widget/: widget.js, its source map, and widget.js as gzip and as Brotli.
//   node build.mjs [folder]     another folder than static/widget
// esbuild is taken from node_modules here (npm ci), or from where NODE_PATH says.
import { mkdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const { buildSync } = createRequire(import.meta.url)("esbuild");
const project = fileURLToPath(new URL("../../", import.meta.url));
const folder = process.argv[2] ?? join(project, "static/widget");

// Names of properties that neither a browser, nor the server, nor the storage, nor the host page knows: shorter in the bundle.
const OURS =
  /^(is(Own|First|Last|NewDay|Stuck|Reached|Live|AtBottom|Phone|Closed|PraxTalk)|on(Change|SignedOut|State|Value|Error)|getToken|setKnown|showErrors?|toBottom|loadOlder|wake|settle|trouble|retry|say|clock|moment|bubble|panel|composer|chat|room|row|box|look|draw|fill|emit|read|write|forget|watchers|tell|bottom|store|lock|run|root|host|items|watch|mutate|day|older|api|config|comeBack|opens)$/;

const { outputFiles } = buildSync({
  absWorkingDir: project,
  entryPoints: ["widget/frontend/src/index.js"],
  outfile: "static/widget/widget.js", // wherever the files go: the map's paths to the sources start here
  bundle: true,
  format: "iife",
  target: "es2020",
  minify: true,
  mangleProps: OURS,
  charset: "utf8",
  legalComments: "none",
  sourcemap: "linked",
  logLevel: "warning",
  write: false,
});

mkdirSync(folder, { recursive: true });
const write = (/** @type {string} */ name, /** @type {Uint8Array} */ bytes) => writeFileSync(join(folder, name), bytes);
for (const { path, contents } of outputFiles) {
  if (path.endsWith(".map")) {
    write("widget.js.map", contents);
    continue;
  }
  const gzip = gzipSync(contents, { level: 9 });
  write("widget.js", contents);
  write("widget.js.gz", gzip);
  write(
    "widget.js.br",
    brotliCompressSync(contents, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: contents.length } }),
  );
  console.log(`widget.js: ${contents.length} bytes, ${gzip.length} as gzip`);
}
