// Turns types of Slack's packages into JSON schema.
// Standard input: {endpoint: [package, type]}. Standard output: {endpoint: schema}.

const fs = require("fs");
const tsj = require("ts-json-schema-generator");

const wanted = JSON.parse(fs.readFileSync(0, "utf8"));
const endpoints = Object.keys(wanted);
const packages = [...new Set(Object.values(wanted).map(([name]) => name))];
// One alias per endpoint: different answers use the same names for different types.
const source = [
  ...packages.map((name, index) => `import type * as from${index} from ${JSON.stringify(name)};`),
  ...endpoints.map((endpoint, index) => {
    const [name, type] = wanted[endpoint];
    return `export type Answer${index} = from${packages.indexOf(name)}.${type};`;
  }),
].join("\n");
fs.writeFileSync("types.ts", `${source}\n`);

const config = {
  path: "types.ts",
  tsconfig: "tsconfig.json",
  skipTypeCheck: true,
  expose: "all",
  topRef: true,
  jsDoc: "none",
  additionalProperties: false,
};
const program = tsj.createProgram(config);
const schemas = endpoints.map((endpoint, index) => {
  const generator = new tsj.SchemaGenerator(program, tsj.createParser(program, config), tsj.createFormatter(config), config);
  return [endpoint, generator.createSchema(`Answer${index}`)];
});
process.stdout.write(JSON.stringify(Object.fromEntries(schemas)));
