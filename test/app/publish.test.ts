import { describe, expect, it, onTestFinished } from "vitest";
import { startGateway } from "../../src/app/gateway.ts";
import { loadConfig } from "../../src/app/load-config.ts";
import { connect } from "../../src/client/node.ts";
import { systemClock } from "../../src/model/clock.ts";
import { silentLogger } from "../../src/observe/log.ts";

describe.each(["uws", "ws"])("a browser as a tracker, over %s", (transport) => {
  it.each(["msgpack", "json"] as const)(
    "what it publishes over %s comes back to who subscribed",
    async (protocol) => {
      const flags = {
        "mqtt.port": "0",
        "http.port": "0",
        "ring.engine": "memory",
        logLevel: "silent",
        transport,
      };
      const config = loadConfig({ flags, env: {}, file: null });
      const gateway = await startGateway(config, { logger: silentLogger, clock: systemClock });
      onTestFinished(() => gateway.close());
      const fieldcast = connect(`ws://127.0.0.1:${gateway.httpPort}/stream`, { protocol });
      onTestFinished(() => fieldcast.close());
      const time = new Date(systemClock.now() - 5_000).toISOString();
      await fieldcast.publish("telemetry/gps/my-phone", { lat: 60.17, lon: 24.94, time });
      const latest = await fetch(`http://127.0.0.1:${gateway.httpPort}/api/v1/latest?filter=gps/my-phone`);
      expect(await latest.json()).toMatchObject({
        readings: [{ topic: "gps/my-phone", time, values: { lat: 60.17, lon: 24.94 } }],
      });
      await expect(
        fieldcast.publish("telemetry/gps/my-phone", { lat: 95, lon: 24.94 }),
      ).rejects.toMatchObject({
        code: "rejected",
        message: expect.stringMatching(/lat/),
      });
      await expect(fieldcast.publish("nobody/reads/this", "x")).rejects.toThrow(/no format reads this topic/);
    },
  );
});
