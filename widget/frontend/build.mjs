// Bundle src/ into static/widget/: widget.js, and lazy.js, which widget.js fetches when it is first needed. Each is written
// with its source map and a Brotli version; compress.py writes the gzip versions.
//   node build.mjs [folder]     writes to this folder instead of static/widget
// esbuild is loaded from node_modules in this folder (npm ci), or from NODE_PATH.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants } from "node:zlib";

const { build, transform } = createRequire(import.meta.url)("esbuild");
const project = fileURLToPath(new URL("../../", import.meta.url));
const folder = process.argv[2] ?? join(project, "static/widget");

// Internal property names, which are shortened in the bundle. Names that a browser API, the server, the storage or the host page
// uses must not be listed here.
const OURS =
  /^(is(Own|First|Last|NewDay|Stuck|ServerReachable|Live|AtBottom|Phone|Closed|PraxTalk)|on(Change|SignedOut|State|Value|Error)|getToken|setKnown|showErrors?|toBottom|loadOlder|wake|removeDelivered|problem|retry|t|clock|moment|launcher|dialog|parts|composer|chat|element|row|box|report|markSeen|draw|fill|emit|read|write|watchers|deliver|bottom|store|lock|run|root|host|items|watch|mutate|older|api|config|redeemMagicLink|opens|proof|onOther|announce|isFile|patience|button|log|drop|thread|retryAfter|discard|attach|isOther|isDenied|owner|isSignedOut|isTransient|solid|linkEnds|skipTo|flush|kind|nodes)$/;

mkdirSync(folder, { recursive: true });
const lazy = await bundle("lazy", "esm");
const version = createHash("sha256").update(lazy.script).digest("hex").slice(0, 8);
await bundle("widget", "iife", lazy.names, { LAZY: JSON.stringify(`lazy&v=${version}`) });

/**
 * @param {"widget" | "lazy"} name
 * @param {"iife" | "esm"} format
 * @param {Record<string, string | false>} [names] the short names in the other bundle; the bundles call each other, so both need
 *   the same names
 * @param {Record<string, string>} [define]
 */
async function bundle(name, format, names = {}, define = {}) {
  const { outputFiles, mangleCache } = await build({
    absWorkingDir: project,
    entryPoints: { [name]: `widget/frontend/src/${name === "widget" ? "index" : name}.js` },
    outdir: "static/widget", // the source map's paths are relative to this, whichever folder the files are written to
    bundle: true,
    format,
    define,
    target: "es2022",
    minify: true,
    mangleProps: OURS,
    mangleCache: names,
    charset: "utf8",
    plugins: [{ name: "css", setup: ({ onLoad }) => onLoad({ filter: /\.css$/ }, textOf) }],
    legalComments: "none",
    sourcemap: "external",
    logLevel: "warning",
    write: false,
  });
  const [map, made] = outputFiles.map(({ contents }) => contents);
  const address = name === "widget" ? "widget.js.map" : `widget.js.map?part=${name}`;
  const script = Buffer.concat([made, Buffer.from(`//# sourceMappingURL=${address}\n`)]);
  write(`${name}.js.map`, map);
  write(`${name}.js`, script);
  const brotli = { params: { [constants.BROTLI_PARAM_SIZE_HINT]: script.length } };
  write(`${name}.js.br`, brotliCompressSync(script, brotli));
  return { script, names: mangleCache };
}

/** Load a style sheet, minified, as a string in the script. @param {{path: string}} file */
async function textOf({ path }) {
  const { code } = await transform(readFileSync(path, "utf8"), { loader: "css", minify: true });
  return { contents: code.trim().replace(/(--\w+:) /g, "$1"), loader: /** @type {const} */ ("text") };
}

/** @param {string} name @param {Uint8Array} bytes */
function write(name, bytes) {
  writeFileSync(join(folder, name), bytes);
}
