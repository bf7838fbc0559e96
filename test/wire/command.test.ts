import { encode } from "@msgpack/msgpack";
import { expect, test } from "vitest";
import { parseRequest } from "../../src/wire/requests.ts";

const identify = { type: "command", id: 1, topic: "gps/van-7", command: "identify" };

test.each([
  ["no topic", { topic: undefined }, /`topic` is missing/],
  ["a wildcard", { topic: "gps/+" }, /wildcard/],
  ["an insight's topic", { topic: "congestion/a" }, /begin with a domain/],
  ["a domain alone", { topic: "gps" }, /names no device/],
  ["an empty level", { topic: "gps//a" }, /names no device/],
  ["a topic that is too long", { topic: `gps/${"ä".repeat(520)}` }, /longer than 1024 bytes/],
  ["too many levels", { topic: `gps${"/a".repeat(64)}` }, /64 levels/],
  ["a control character", { topic: "gps/a\u0007" }, /control character/],
  ["no command", { command: undefined }, /`command` is missing/],
  ["an empty command", { command: "" }, /is empty/],
  ["a long command", { command: "x".repeat(65) }, /longer than 64/],
  ["params that are text", { params: "seconds" }, /not an object/],
  ["params that are a list", { params: [1] }, /not an object/],
  ["params that are too large", { params: { text: "ä".repeat(10_000) } }, /20011 bytes; at most 16384/],
  ["no time", { timeoutMs: 0 }, /from 1 to 60000/],
  ["too much time", { timeoutMs: 60_001 }, /from 1 to 60000/],
  ["time as text", { timeoutMs: "5s" }, /from 1 to 60000/],
])("a command with %s is refused", (_what, change, problem) => {
  const asked = JSON.stringify({ ...identify, ...change });
  for (const request of [asked, encode(JSON.parse(asked))]) {
    expect(parseRequest(request)).toMatchObject({
      refused: true,
      id: 1,
      code: "bad-command",
      message: expect.stringMatching(problem),
    });
  }
});

test.each([
  [32, false],
  [33, true],
  [30_000, true],
])("params of %i levels", (levels, isRefused) => {
  const nest = `${"[".repeat(levels - 1)}${"]".repeat(levels - 1)}`;
  const request = parseRequest(JSON.stringify({ ...identify, params: { a: "N" } }).replace('"N"', nest));
  const refusal = { code: "bad-command", message: expect.stringMatching(/deeper than 32 levels/) };
  expect(request).toMatchObject(isRefused ? refusal : { type: "command" });
});

test("a command needs no more than topic and name, and carries no keys that it does not know", () => {
  const request = parseRequest(JSON.stringify({ ...identify, more: 1 }));
  expect(request).toEqual(identify);
});

test("bytes in params are refused, whichever transport brought them", () => {
  const asked = encode({ ...identify, params: { firmware: Uint8Array.of(1, 2) } });
  for (const request of [asked, Buffer.from(asked)]) {
    expect(parseRequest(request)).toMatchObject({
      code: "bad-command",
      message: expect.stringMatching(/bytes/),
    });
  }
});
