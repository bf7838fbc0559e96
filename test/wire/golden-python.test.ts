import { spawnSync } from "node:child_process";
import { beforeAll, describe, expect, it } from "vitest";
import { pythonArgs, pythonPath } from "../python/python.ts";
import { type Golden, readGoldens } from "./golden/golden.ts";

interface Answer {
  readonly message: unknown;
  /** Hexadecimal. */
  readonly request: string | null;
}

const goldens = readGoldens();
const answers = new Map<string, Answer>();

/** One process for all: starting Python costs more than reading. */
beforeAll(() => {
  const input = goldens.map((golden) => `${JSON.stringify(caseOf(golden))}\n`).join("");
  const { stdout, stderr } = spawnSync(pythonPath(), pythonArgs("read_golden.py"), {
    input,
    encoding: "utf8",
  });
  const lines = stdout.trimEnd().split("\n");
  if (lines.length !== goldens.length) throw new Error(`${lines.length} answers came:\n${stderr}`);
  for (const [index, { name }] of goldens.entries())
    answers.set(name, JSON.parse(lines[index] as string) as Answer);
});

function caseOf({ from, after, msgpack, message }: Golden): object {
  if (from === "client") return { frames: [], request: message };
  const before = after.map((name) => goldens.find((golden) => golden.name === name)?.msgpack);
  return { frames: [...before, msgpack], request: null };
}

describe("a decoder that shares no code with ours reads the golden bytes as JSON says them", () => {
  it.each(goldens.filter(({ from }) => from === "server"))("$name", ({ name, json }) => {
    expect(answers.get(name)?.message).toEqual(json === null ? null : JSON.parse(json));
  });
});

describe("an encoder that shares no code with ours makes the golden bytes of a request", () => {
  it.each(goldens.filter(({ from }) => from === "client"))("$name", ({ name, msgpack }) => {
    expect(answers.get(name)?.request).toBe(msgpack);
  });
});
