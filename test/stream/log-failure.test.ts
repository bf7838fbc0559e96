import { Writable } from "node:stream";
import { pino } from "pino";
import { expect, it } from "vitest";
import type { TransportOptions } from "../../src/stream/transport.ts";
import { logFailure } from "../../src/stream/transports/ws.ts";

it("a failed request is logged with its path, but without the token of a link", () => {
  let lines = "";
  const stream = new Writable({
    write: (chunk, _encoding, done) => {
      lines += String(chunk);
      done();
    },
  });
  const options = { logger: pino(stream) } as unknown as TransportOptions;
  logFailure(options, `/share/${"s3cret-token".repeat(3)}/track.gpx`, new Error("broken"));
  logFailure(options, "/api/v1/latest", new Error("broken"));
  expect(lines).toContain('"path":"/share/…/track.gpx"');
  expect(lines).toContain('"path":"/api/v1/latest"');
  expect(lines).not.toContain("s3cret");
});
