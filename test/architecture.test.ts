import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { describe, expect, it } from "vitest";

/** Folders as floors: what each may import. `log/contract` is the part of the log that its users may see. */
const floors: Readonly<Record<string, readonly string[]>> = {
  "main.ts": ["app"],
  app: [
    "ingest",
    "stream",
    "http",
    "notify",
    "gtfs",
    "pipeline",
    "insights",
    "log",
    "formats",
    "wire",
    "observe",
    "model",
  ],
  ingest: ["log/contract", "observe", "model"],
  stream: ["log/contract", "wire", "observe", "model"],
  http: ["log/contract", "observe", "model"],
  notify: ["log/contract", "observe", "model"],
  pipeline: ["formats", "insights", "log/contract", "wire", "observe", "model"],
  gtfs: ["formats", "log/contract", "model"],
  insights: ["model"],
  log: ["wire", "observe", "model"],
  dashboard: ["client", "wire", "model"],
  client: ["wire", "model"],
  formats: ["model"],
  wire: ["model"],
  observe: ["model"],
  model: [],
};

/** Packages that a floor may use; where none are named, anything in package.json. */
const packages: Readonly<Record<string, readonly string[]>> = {
  model: [],
  wire: ["@msgpack/msgpack"],
  client: ["@msgpack/msgpack", "ws"],
};

const source = join(import.meta.dirname, "../src");
const simulator = join(import.meta.dirname, "../firmware-sim");

function sourceFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name) && !entry.name.endsWith(".config.ts"))
    .map((entry) => join(entry.parentPath, entry.name));
}

function importsOf(file: string): string[] {
  const text = readFileSync(file, "utf8");
  const found = text.matchAll(/(?:from\s+|import\s*\(\s*|import\s+)"([^"\n]+)"/g);
  return [...found].map((match) => match[1] as string);
}

function floorOf(file: string): string {
  return relative(source, file).split("/")[0] as string;
}

function problemWith(file: string, wanted: string): string | null {
  const floor = floorOf(file);
  if (!wanted.startsWith(".")) {
    const allowed = packages[floor];
    const name = wanted.startsWith("@")
      ? wanted.split("/").slice(0, 2).join("/")
      : (wanted.split("/")[0] as string);
    return allowed && !allowed.includes(name) ? `the floor ${floor} may not use ${wanted}` : null;
  }
  const target = relative(source, join(dirname(file), wanted));
  if (floorOf(join(source, target)) === floor) return null;
  const allowed = floors[floor] ?? [];
  const isAllowed = allowed.some((name) => target === `${name}.ts` || target.startsWith(`${name}/`));
  return isAllowed ? null : `${floor} may not import ${target}`;
}

describe("architecture", () => {
  it("has a place in the table for every folder", () => {
    const entries = readdirSync(source).filter((name) => !name.startsWith("."));
    expect(entries.filter((name) => !(name in floors))).toEqual([]);
  });

  it.each(sourceFiles(source).map((file) => [relative(source, file), file] as const))(
    "%s imports only what stands below it",
    (_name, file) => {
      expect(importsOf(file).flatMap((wanted) => problemWith(file, wanted) ?? [])).toEqual([]);
    },
  );

  it("lets the simulator see nothing of the gateway but the model", () => {
    const wanted = sourceFiles(simulator).flatMap((file) =>
      importsOf(file).filter((name) => name.includes("/src/")),
    );
    expect(wanted.filter((name) => !name.includes("/src/model/"))).toEqual([]);
  });

  it("finds the modules it checks", () => {
    expect(existsSync(join(source, "main.ts"))).toBe(true);
    expect(importsOf(join(source, "stream/hub.ts"))).toContain("../log/contract.ts");
  });

  it("lets only main.ts end the process", () => {
    const ending = sourceFiles(source).filter((file) => /process\.exit\b/.test(readFileSync(file, "utf8")));
    expect(ending.map((file) => relative(source, file))).toEqual(["main.ts"]);
  });
});
