import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "vite";
import { expect, test } from "vitest";

const configFile = join(import.meta.dirname, "../../src/dashboard/vite.config.ts");
const maxBytes = 15_000;

test("client.js, MessagePack and all, stays within 15 kB gzipped", async () => {
  const built = await build({ configFile, mode: "client", logLevel: "error", build: { write: false } });
  const [bundle] = [built].flat();
  if (!bundle || !("output" in bundle)) throw new Error("the build gave nothing");
  const [chunk, ...others] = bundle.output;
  expect(others).toEqual([]);
  expect(chunk.fileName).toBe("client.js");
  expect(gzipSync(chunk.code, { level: 9 }).length).toBeLessThanOrEqual(maxBytes);
});
