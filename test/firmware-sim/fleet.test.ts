import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { readCommand } from "../../firmware-sim/commands.ts";
import type { Message } from "../../firmware-sim/device.ts";
import { createFleet, type FleetSettings } from "../../firmware-sim/fleet.ts";
import { domains } from "../../src/model/reading.ts";

const startTime = Date.parse("2026-11-20T06:30:00Z");

function play(settings: Partial<FleetSettings>, seconds: number): Message[] {
  const fleet = createFleet({ seed: 7, startTime, domains, ...settings });
  const messages: Message[] = [];
  while (fleet.time < startTime + seconds * 1000) messages.push(...fleet.step());
  return messages;
}

function hashOf(messages: readonly Message[]): string {
  return createHash("sha256").update(JSON.stringify(messages)).digest("hex");
}

describe("the fleet", () => {
  it("says the same for the same seed, and something else for another", () => {
    expect(hashOf(play({}, 300))).toBe(hashOf(play({}, 300)));
    expect(hashOf(play({ seed: 8 }, 300))).not.toBe(hashOf(play({}, 300)));
  });

  it("lets a device say the same whoever else is there", () => {
    const alone = play({ domains: ["gps"] }, 120);
    const inCompany = play({}, 120).filter((message) => message.device.startsWith("gps-"));
    expect(alone).toEqual(inCompany);
  });

  it("reports at the pace of each domain", () => {
    const messages = play({ domains: ["gps", "energy"], devices: { gps: 3, energy: 2 } }, 60);
    expect(messages.filter((message) => message.device.startsWith("gps-"))).toHaveLength(3 * 60);
    expect(messages.filter((message) => message.device.startsWith("energy-"))).toHaveLength(2 * 30);
  });

  it("follows a faster pace", () => {
    const messages = play({ domains: ["gps"], devices: { gps: 2 }, intervalMs: { gps: 100 } }, 30);
    expect(messages).toHaveLength(2 * 300);
  });

  it("gives every device a name of its own, however many there are", () => {
    const devices = { gps: 40, energy: 40, road: 100, transit: 40, fare: 40 };
    const fleet = createFleet({ seed: 1, startTime, domains, devices });
    expect(fleet.devices).toHaveLength(260);
    expect(new Set(fleet.devices.map(({ id }) => id)).size).toBe(260);
  });
});

describe("a device that gets a command", () => {
  const command = (name: string, params: Record<string, unknown> = {}, expiresAt = startTime + 60_000) => ({
    id: "c1",
    command: name,
    params,
    answerTo: "answer/gps/tracker-4",
    expiresAt,
  });
  const gps = () => createFleet({ seed: 1, startTime, domains: ["gps"], devices: { gps: 4 } });

  it("says what it is", () => {
    const fleet = gps();
    while (fleet.time < startTime + 30_000) fleet.step();
    expect(fleet.carryOut("gps-tracker-4", command("identify"))).toEqual({
      ok: true,
      result: { model: "tracker", firmware: "fieldcast-sim 1", uptimeS: 30 },
    });
    expect(fleet.topicOf("gps-tracker-4")).toBe("gps/tracker-4");
  });

  it("changes its rhythm, its own only", () => {
    const fleet = gps();
    const answer = fleet.carryOut("gps-tracker-4", command("set-interval", { seconds: 5 }));
    expect(answer).toEqual({ ok: true, result: { seconds: 5 } });
    const messages: Message[] = [];
    while (fleet.time < startTime + 60_000) messages.push(...fleet.step());
    const of = (id: string) => messages.filter(({ device }) => device === id);
    expect(of("gps-tracker-4")).toHaveLength(12);
    expect(of("gps-van-1")).toHaveLength(60);
  });

  it.each([0, 0.1, 3_601, "5", undefined])("refuses an interval of %s", (seconds) => {
    const answer = gps().carryOut("gps-tracker-4", command("set-interval", { seconds }));
    expect(answer).toEqual({ ok: false, error: "seconds: a number from 0.5 to 3600 is needed" });
  });

  it("refuses what it does not know, and does nothing too late", () => {
    const fleet = gps();
    const error = "gps-tracker-4 knows identify and set-interval, not reboot";
    expect(fleet.carryOut("gps-tracker-4", command("reboot"))).toEqual({ ok: false, error });
    while (fleet.time < startTime + 1_000) fleet.step();
    expect(fleet.carryOut("gps-tracker-4", command("identify", {}, startTime + 500))).toBeNull();
  });
});

describe("reading a command", () => {
  const read = (text: string) => readCommand(new TextEncoder().encode(text));
  const good = {
    id: "c1",
    command: "identify",
    params: {},
    answerTo: "answer/gps/a",
    expiresAt: "2026-11-22T10:00:00.000Z",
  };

  it("takes what the gateway sends and nothing else", () => {
    expect(read(JSON.stringify(good))).toEqual({ ...good, expiresAt: Date.UTC(2026, 10, 22, 10) });
    const bad = ["{", "null", "[]", ...Object.keys(good).map((key) => JSON.stringify({ ...good, [key]: 1 }))];
    expect(bad.map(read)).toEqual(bad.map(() => null));
  });
});
