import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { channelStart, topicOf, topicParts } from "../../src/model/topic.ts";

const id = fc.string({
  unit: fc.constantFrom("a", "é", "/", "+", "#", "%", "\u0001", "\u0085", "\u007f"),
  minLength: 1,
});

describe("topicParts", () => {
  it("gives back the ids that a topic was made of", () => {
    fc.assert(
      fc.property(id, fc.option(id, { nil: undefined }), (device, channel) => {
        const parts = { domain: "energy", device } as const;
        const topic = topicOf(channel === undefined ? parts : { ...parts, channel });
        const channelAt = channel === undefined ? undefined : channelStart(topic, channel);
        expect(topicParts(topic, channelAt)).toEqual({ ...parts, channel, deviceKey: `energy/${device}` });
      }),
    );
  });
});
