import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
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
