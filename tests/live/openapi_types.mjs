// Write the types of the JSON that live queries share with the REST API, from docs/openapi.json.
//   node openapi_types.mjs [file]     writes to this file instead of static/dashboard/inbox/openapi.d.ts
// Descriptions, formats and the permission of additional properties are left out: the types change only when the JSON does, and
// a misspelt property is an error.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import openapiTS, { astToString } from "openapi-typescript";

const project = fileURLToPath(new URL("../../", import.meta.url));
const file = process.argv[2] ?? `${project}static/dashboard/inbox/openapi.d.ts`;
const SHARED = ["BrandJson", "ConversationJson", "LeadJson", "MessageJson"];
const OMITTED = new Set(["description", "format", "additionalProperties"]);
const REFERENCE = "#/components/schemas/";

const text = readFileSync(`${project}docs/openapi.json`, "utf8");
// a property of that name has an object as its value
const { openapi, info, components } = JSON.parse(text, (name, value) =>
  OMITTED.has(name) && typeof value !== "object" ? undefined : value,
);

/** The shared schemas, and those that they refer to. */
const schemas = {};
const add = (name) => {
  if (name in schemas) return;
  schemas[name] = components.schemas[name];
  for (const [, each] of JSON.stringify(schemas[name]).matchAll(new RegExp(`"${REFERENCE}(\\w+)"`, "g"))) add(each);
};
SHARED.forEach(add);

const nodes = await openapiTS({ openapi, info, paths: {}, components: { schemas } }, { alphabetize: true });
const head = "/** Written by `make openapi` from docs/openapi.json. Do not edit. */\n\n";
const [, body] = astToString(nodes).split(/(?=export interface components )/);
writeFileSync(file, `${head}${body.slice(0, body.indexOf("\nexport type $defs"))}\n`);
