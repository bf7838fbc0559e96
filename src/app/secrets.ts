import { z } from "zod";
import { type Config, configSchema } from "./config.ts";

/** Shorter secrets of webhooks can be guessed. */
const minSecretChars = 16;

interface JsonSchema {
  readonly secret?: boolean;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly items?: JsonSchema;
}

/** The configuration with every secret (`secret: true` in the schema) replaced by a word. */
export function redact(config: Config): unknown {
  return hide(z.toJSONSchema(configSchema, { io: "output" }) as JsonSchema, config);
}

function hide(schema: JsonSchema, value: unknown): unknown {
  if (value === undefined) return undefined;
  if (schema.secret) return "<redacted>";
  const { items, properties } = schema;
  if (items && Array.isArray(value)) return value.map((item) => hide(items, item));
  if (!properties || typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, child]) => [name, hide(properties[name] ?? {}, child)]),
  );
}

/**
 * Puts environment variables in place of `${NAME}` in the credentials of sources and the secrets of webhooks, so that the file
 * needs to hold none.
 * @throws Error beginning with the path of the key (`webhooks.0.secret: …`) whose variable is not set or whose secret is too short
 */
export function resolveCredentials(
  config: Config,
  env: Readonly<Record<string, string | undefined>>,
): Config {
  const sources = config.sources.map((source, index) => ({
    ...source,
    ...(source.username !== undefined && { username: resolve(`sources.${index}.username`, source.username) }),
    ...(source.password !== undefined && { password: resolve(`sources.${index}.password`, source.password) }),
  }));
  const webhooks = config.webhooks.map((webhook, index) => {
    const path = `webhooks.${index}.secret`;
    return { ...webhook, secret: checkSecret(path, resolve(path, webhook.secret)) };
  });
  return { ...config, sources, webhooks };

  function resolve(path: string, text: string): string {
    return text.replace(/\$\{(\w+)\}/g, (_match, name: string) => {
      const value = env[name];
      if (value === undefined) throw new Error(`${path}: the environment variable ${name} is not set`);
      return value;
    });
  }
}

function checkSecret(path: string, secret: string): string {
  if (secret.length >= minSecretChars) return secret;
  throw new Error(`${path}: use at least ${minSecretChars} characters`);
}
