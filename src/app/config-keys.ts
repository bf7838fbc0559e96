import { z } from "zod";
import { configSchema } from "./config.ts";

/** One key of the configuration that holds a value. */
export interface ConfigKey {
  /** `mqtt.port`, as in the file. */
  readonly path: string;
  /** `FIELDCAST_MQTT_PORT`; null for a list of maps and what stands in it: those are set in the file only. */
  readonly env: string | null;
  readonly type: "string" | "number" | "boolean" | "list";
  /** The values it may have, if they are few. */
  readonly choices: readonly string[];
  readonly defaultValue: unknown;
  readonly description: string;
}

interface JsonSchema {
  readonly type?: string;
  readonly enum?: readonly (string | number)[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly items?: JsonSchema;
  readonly default?: unknown;
  readonly description?: string;
}

/** Every key, in the schema's order. */
export function configKeys(): ConfigKey[] {
  return walk(z.toJSONSchema(configSchema, { io: "input" }) as JsonSchema, [], false);
}

function walk(schema: JsonSchema, path: readonly string[], isInList: boolean): ConfigKey[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, child]) => {
    const childPath = [...path, name];
    if (child.properties) return walk(child, childPath, isInList);
    const isListOfMaps = child.items?.properties !== undefined;
    const key: ConfigKey = {
      path: childPath.join("."),
      env: isInList || isListOfMaps ? null : envName(childPath),
      type: keyType(child),
      choices: (child.enum ?? []).map(String),
      defaultValue: child.default,
      description: child.description ?? "",
    };
    if (!isListOfMaps) return key;
    return [key, ...walk(child.items ?? {}, [...path, `${name}[]`], true)];
  });
}

function envName(path: readonly string[]): string {
  const words = path.map((name) => name.replace(/[A-Z]/g, (letter) => `_${letter}`));
  return `FIELDCAST_${words.join("_")}`.toUpperCase();
}

function keyType(schema: JsonSchema): ConfigKey["type"] {
  if (schema.type === "integer" || schema.type === "number") return "number";
  if (schema.type === "boolean") return "boolean";
  return schema.type === "array" ? "list" : "string";
}

/** The reference that stands in config/REFERENCE.md. */
export function configReference(): string {
  const rows = configKeys().map(({ path, env, choices, defaultValue, description }) => {
    const values =
      choices.length > 0 ? ` One of: ${choices.map((choice) => `\`${choice}\``).join(", ")}.` : "";
    const shown = defaultValue === undefined ? "" : `\`${JSON.stringify(defaultValue)}\``;
    const variable = env === null ? "" : `\`${env}\``;
    return `| \`${path}\` | ${variable} | ${shown} | ${description}.${values} |`;
  });
  return [
    "# Configuration",
    "",
    "One YAML file (`fieldcast serve --config fieldcast.yaml`); every key can also come from the environment or from",
    "`--set key=value`. A flag wins over the environment, the environment over the file, the file over the default. A key",
    "or a `FIELDCAST_…` variable that is not in this table is an error, so that a typing mistake never passes unseen. A key",
    "without a variable belongs to a list of maps (`[]` is any entry of it), and stands in the file only.",
    "",
    "This page is made from the schema in `src/app/config.ts`: `npm run config-reference`.",
    "",
    "| key | environment | default | meaning |",
    "|---|---|---|---|",
    ...rows,
    "",
  ].join("\n");
}
