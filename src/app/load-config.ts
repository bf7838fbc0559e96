import { readFileSync } from "node:fs";
import { LineCounter, parseDocument } from "yaml";
import type { z } from "zod";
import { type Config, configSchema } from "./config.ts";
import { type ConfigKey, configKeys } from "./config-keys.ts";
import { contextsProblem, routerSettings } from "./context-config.ts";
import { insightsProblem } from "./insight-config.ts";
import { resolveCredentials } from "./secrets.ts";

/** A configuration that cannot be used; the message is for the person who wrote it, one problem a line. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

/** Where settings come from, the strongest first. */
export interface ConfigSources {
  /** `key=value` pairs from the command line, by path. */
  readonly flags: Readonly<Record<string, string>>;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Path of the YAML file, null if none. */
  readonly file: string | null;
}

/**
 * Reads and checks the configuration: flag over environment over file over default.
 * @throws ConfigError naming each key that is wrong, where it stands, and what it may be
 */
export function loadConfig({ flags, env, file }: ConfigSources): Config {
  const origins = new Map<string, string>();
  const settings = file === null ? {} : readFile(file, origins);
  const keys = new Map(configKeys().map((key) => [key.path, key]));
  for (const key of keys.values()) {
    const text = key.env === null ? undefined : env[key.env];
    if (text === undefined || text === "") continue;
    put(settings, key, text);
    origins.set(key.path, `environment variable ${key.env}`);
  }
  for (const [path, text] of Object.entries(flags)) {
    const key = keys.get(path);
    if (!key) throw new ConfigError(`--set ${path}: there is no such key; config/REFERENCE.md lists them`);
    if (key.env === null) throw new ConfigError(`--set ${path}: this can be set in the file only`);
    put(settings, key, text);
    origins.set(path, "command line");
  }
  checkNames(env, settings);
  const result = configSchema.safeParse(settings);
  if (!result.success)
    throw new ConfigError(result.error.issues.map((issue) => explain(issue, origins)).join("\n"));
  checkExposure(result.data);
  const problem = contextsProblem(routerSettings(result.data)) ?? insightsProblem(result.data.insights);
  if (problem !== null) throw problemAt(problem, origins);
  return Object.freeze(withCredentials(result.data, env, origins));
}

function withCredentials(
  config: Config,
  env: ConfigSources["env"],
  origins: ReadonlyMap<string, string>,
): Config {
  try {
    return resolveCredentials(config, env);
  } catch (error) {
    throw problemAt((error as Error).message, origins);
  }
}

/** A problem that begins with the path of its key, with the place where that stands. */
function problemAt(problem: string, origins: ReadonlyMap<string, string>): ConfigError {
  return new ConfigError(`${originOf(problem.split(": ")[0] ?? "", origins)}: ${problem}`);
}

function readFile(file: string, origins: Map<string, string>): Record<string, unknown> {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw new ConfigError(`cannot read the config file: ${(error as Error).message}`);
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: true });
  const [problem] = document.errors;
  if (problem) throw new ConfigError(`${file}: ${problem.message}`);
  const settings: unknown = document.toJS() ?? {};
  if (typeof settings !== "object" || Array.isArray(settings)) {
    throw new ConfigError(`${file}: expected keys and values, as in \`host: 127.0.0.1\``);
  }
  locate(settings as object, [], (path) => {
    const node = document.getIn(path, true) as { range?: [number, number, number] } | undefined;
    const line = node?.range ? `:${lines.linePos(node.range[0]).line}` : "";
    origins.set(path.join("."), `${file}${line}`);
  });
  return withoutEmptySections(settings as Record<string, unknown>);
}

/** A section or list with nothing below it (all of it commented out, say) is as if it was not there. */
function withoutEmptySections(settings: Record<string, unknown>): Record<string, unknown> {
  const sections = new Set(
    configKeys()
      .filter(({ path, type }) => type === "list" || path.includes("."))
      .map(({ path }) => path.split(".")[0]),
  );
  const found = Object.entries(settings).filter(([name, value]) => value !== null || !sections.has(name));
  return Object.fromEntries(
    found.map(([name, value]) => [name, name === "insights" ? withoutNulls(value) : value]),
  );
}

function withoutNulls(section: unknown): unknown {
  if (typeof section !== "object" || section === null || Array.isArray(section)) return section;
  return Object.fromEntries(Object.entries(section).filter(([, value]) => value !== null));
}

/** Variables that are not keys of the configuration, and nothing to be surprised at. */
const otherVariables: readonly RegExp[] = [
  /^FIELDCAST_CONFIG$/,
  // The simulator's, and those of the test that kills the gateway.
  /^FIELDCAST_(SIM|KILL)_/,
  // What Kubernetes sets for a service named fieldcast
  // (https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables).
  /^FIELDCAST_.*(SERVICE_(HOST|PORT)|PORT_\d+_(TCP|UDP|SCTP))/,
];

/** A typing mistake in the environment must not pass unseen either. */
function checkNames(env: ConfigSources["env"], settings: Readonly<Record<string, unknown>>): void {
  const known = new Set(configKeys().map((key) => key.env));
  const unknown = Object.keys(env).filter(
    (name) =>
      name.startsWith("FIELDCAST_") &&
      !known.has(name) &&
      !otherVariables.some((pattern) => pattern.test(name)) &&
      !/^(tcp|udp|sctp):\/\//.test(env[name] ?? "") &&
      // Sources and webhooks may take their credentials from variables of any name.
      !JSON.stringify([settings["sources"], settings["webhooks"]]).includes(`\${${name}}`),
  );
  if (unknown.length === 0) return;
  throw new ConfigError(
    unknown
      .map((name) => `environment variable ${name}: there is no such key; config/REFERENCE.md lists them`)
      .join("\n"),
  );
}

function locate(value: object, path: readonly string[], found: (path: readonly string[]) => void): void {
  for (const [name, child] of Object.entries(value)) {
    const childPath = [...path, name];
    found(childPath);
    if (typeof child === "object" && child !== null) locate(child, childPath, found);
  }
}

function put(settings: Record<string, unknown>, key: ConfigKey, text: string): void {
  const names = key.path.split(".");
  const last = names.pop() as string;
  let place = settings;
  for (const name of names) {
    const next = place[name];
    place[name] = typeof next === "object" && next !== null ? next : {};
    place = place[name] as Record<string, unknown>;
  }
  place[last] = convert(key, text);
}

// What does not convert stays text, so that the schema's own message names the problem.
function convert({ type }: ConfigKey, text: string): unknown {
  if (type === "number" && text.trim() !== "" && Number.isFinite(Number(text))) return Number(text);
  if (type === "boolean" && (text === "true" || text === "false")) return text === "true";
  if (type === "list") return text.split(",").map((item) => item.trim());
  return text;
}

function explain(issue: z.core.$ZodIssue, origins: ReadonlyMap<string, string>): string {
  const path = issue.path.join(".");
  if (issue.code === "unrecognized_keys") {
    return issue.keys
      .map((key) => {
        const full = path === "" ? key : `${path}.${key}`;
        const origin = origins.get(full) ?? "the config";
        return `${origin}: ${full}: there is no such key; config/REFERENCE.md lists them`;
      })
      .join("\n");
  }
  return `${originOf(path, origins)}: ${path}: ${issue.message}`;
}

/** Where a key stands; where the nearest key above it stands if it is missing. */
function originOf(path: string, origins: ReadonlyMap<string, string>): string {
  for (let key = path; key !== ""; key = key.slice(0, Math.max(0, key.lastIndexOf(".")))) {
    const origin = origins.get(key);
    if (origin !== undefined) return origin;
  }
  return "the config";
}

/** Closed by default: beyond loopback, openness must have been asked for in so many words. */
function checkExposure({ host, allowAnonymous }: Config): void {
  if (allowAnonymous || isLoopback(host)) return;
  throw new ConfigError(
    `host: ${host} can be reached by others, and the gateway would let everyone publish and read. ` +
      "Listen on 127.0.0.1 and put a proxy that authenticates in front, or set `allowAnonymous: true` if this is wanted",
  );
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
}
