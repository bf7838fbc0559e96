import { describe, expect, test } from "vitest";
import type { Format } from "../../src/formats/format.ts";
import { haDiscovery } from "../../src/formats/ha-discovery.ts";
import { homie } from "../../src/formats/homie.ts";
import type { Decoded } from "../../src/model/packet.ts";

/** A decoder with a host that has room for `room` claims and keeps a list of them. */
function createSender(format: Format, room = Number.POSITIVE_INFINITY) {
  const claimed = new Set<string>();
  const host = {
    claim: (topic: string) => claimed.has(topic) || (claimed.size < room && claimed.add(topic).has(topic)),
    release: (topic: string) => {
      claimed.delete(topic);
    },
  };
  const decode = format.create({}, host);
  const send = (topic: string, payload: unknown): Decoded => {
    const text = typeof payload === "string" ? payload : JSON.stringify(payload);
    return decode({ topic, payload: new TextEncoder().encode(text), receivedAt: 0, client: "c" });
  };
  return { send, claimed };
}

const config = (objectId: string) => `homeassistant/sensor/${objectId}/config`;
const power = (topic: string) => ({
  stat_t: topic,
  dev_cla: "power",
  unit_of_meas: "W",
  dev: { ids: ["d"] },
});

describe("ha-discovery", () => {
  test("claims a state topic while an entity reads it", () => {
    const { send, claimed } = createSender(haDiscovery);
    send(config("a"), power("x/1"));
    send(config("b"), power("x/1"));
    send(config("a"), power("x/2"));
    expect([...claimed]).toStrictEqual(["x/1", "x/2"]);
    send(config("b"), "");
    send(config("b"), "");
    expect([...claimed]).toStrictEqual(["x/2"]);
    expect(send("x/1", "5").readings).toHaveLength(0);
    expect(send("x/2", "5").readings).toHaveLength(1);
  });

  test("remembers configs and their removal, not states", () => {
    const { send } = createSender(haDiscovery);
    expect(send(config("a"), power("x/1")).remember).toBe(true);
    expect(send("x/1", "5").remember).toBeUndefined();
    expect(send(config("a"), "").remember).toBe(true);
  });

  test("claims every topic that a config names, until the last config that names it is gone", () => {
    const { send, claimed } = createSender(haDiscovery);
    const light = {
      "~": "l",
      state_topic: "~/state",
      cmd_t: "~/set",
      availability: [{ topic: "up" }],
      opt: "x/+",
    };
    send("homeassistant/light/l/config", light);
    send(config("a"), { ...power("x/1"), avty_t: "up" });
    expect([...claimed].sort()).toStrictEqual(["l/set", "l/state", "up", "x/1"]);
    send("homeassistant/light/l/config", "");
    expect([...claimed].sort()).toStrictEqual(["up", "x/1"]);
    send(config("a"), "");
    expect([...claimed]).toStrictEqual([]);
  });

  test("says so when there is no room for another topic", () => {
    const { send } = createSender(haDiscovery, 1);
    expect(send(config("a"), power("x/1")).rejected).toBeNull();
    expect(send(config("b"), power("x/2")).rejected).toContain("no room for more discovered topics");
    expect(send(config("c"), power("x/1")).rejected).toBeNull();
  });

  test("forgets the oldest of thousands of configs, and its claim", () => {
    const { send, claimed } = createSender(haDiscovery);
    for (let at = 0; at <= 10_000; at++) send(config(`o${at}`), power(`x/${at}`));
    expect(claimed.size).toBe(10_000);
    expect(claimed.has("x/0")).toBe(false);
  });

  test("lets no crowd of entities share a topic", () => {
    const { send } = createSender(haDiscovery);
    for (let at = 0; at < 512; at++) expect(send(config(`o${at}`), power("x")).rejected).toBeNull();
    expect(send(config("more"), power("x")).rejected).toContain("more than 512 entities");
  });
});

describe("homie", () => {
  test("remembers metadata only", () => {
    const { send } = createSender(homie);
    expect(send("homie/d/n/p/$unit", "W").remember).toBe(true);
    expect(send("homie/d/n/p/$datatype", "float").remember).toBe(true);
    expect(send("homie/5/d/$description", {}).remember).toBe(true);
    expect(send("homie/5/d/$description", "").remember).toBe(true);
    expect(send("homie/d/n/p/$name", "P").remember).toBeUndefined();
    expect(send("homie/d/n/p", "5").remember).toBeUndefined();
  });

  test("forgets the oldest of thousands of devices and properties", () => {
    const { send } = createSender(homie);
    send("homie/first/n/p/$unit", "W");
    for (let at = 0; at < 2_000; at++) send(`homie/d${at}/n/p/$unit`, "W");
    expect(send("homie/first/n/p", "5").readings).toHaveLength(0);
    for (let at = 0; at < 1_000; at++) send(`homie/d1999/n/q${at}/$unit`, "W");
    expect(send("homie/d1999/n/p", "5").readings).toHaveLength(0);
    expect(send("homie/d1999/n/q999", "5").readings).toHaveLength(1);
  });
});
