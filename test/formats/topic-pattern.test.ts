import { describe, expect, test } from "vitest";
import { createRouter } from "../../src/formats/registry.ts";
import { baseOfPattern, compileTopicPattern, type Layout } from "../../src/formats/topic-pattern.ts";

const layout: Layout = {
  variables: new Map([
    ["site", "other"],
    ["u", "id"],
    ["unit_name", "ids"],
  ]),
  example: "x/%u",
  hasTail: false,
};

describe("a topic pattern", () => {
  test.each([
    ["x/%u", "x/7", "7"],
    ["x/%u/", "x/7", "7"],
    ["x/{u}", "x/7/8", null],
    ["x/{{ u }}/y", "x/7/y", "7"],
    ["x/<u>", "X/7", null],
    ["{site}/%unit_name%/y", "a/b/c/y", "b/c"],
    ["{site}/<unit name>/y", "a/b/c/y", "b/c"],
    ["{site}/{unit_name}/{u}", "a/b/c/d", "b/c/d"],
    ["+/x/{u}", "a/x/7", "7"],
    ["{u}/#", "7/8/9", "7"],
    ["+/x/+", "a/x/7", "a/7"],
    ["x/#", "x/7/8", "7/8"],
    ["a.b/{u}", "aXb/7", null],
    ["x-{u}/y", "x-7/y", "7"],
    ["x/{unit_name}", "x//7", null],
  ])("%s finds in %s the device %s", (pattern, topic, device) => {
    expect(compileTopicPattern(pattern, layout)(topic)?.device ?? null).toBe(device);
  });

  test("tells the part of the topic that it describes", () => {
    const read = compileTopicPattern("x/{u}", { ...layout, hasTail: true });
    expect(read("x/7/event")).toStrictEqual({ device: "7", base: "x/7" });
  });

  test.each([
    ["x/%who", /^topicPattern: "x\/%who": a variable is not closed; write it as in x\/%u$/],
    ["x/{who}", /^topicPattern: \{who\} has no meaning here; write it as in x\/%u$/],
    ["x/{u}/%u", /^topicPattern: %u is there twice/],
    ["x/y", /^topicPattern: "x\/y" does not say where the device stands/],
    ["{site}/y", /does not say where the device stands/],
    ["x/{u", /^topicPattern: "x\/\{u": a variable is not closed/],
    ["x/#/{u}", /^topicPattern: .*`#` must stand alone/],
    ["", /^topicPattern: "": the filter is empty/],
  ])("%s is refused", (pattern, reason) => {
    expect(() => compileTopicPattern(pattern, layout)).toThrow(reason);
  });
});

test.each([
  ["home/zigbee/{name}", "home/zigbee/"],
  ["home/zigbee", "home/zigbee/"],
  ["home/zigbee/", "home/zigbee/"],
  ["home/zigbee-%x", "home/"],
  ["home/+/#", "home/"],
])("the base of %s is %s", (pattern, base) => {
  expect(baseOfPattern(pattern, "x/{name}")).toBe(base);
});

test.each(["{name}", "%u/x", "+/x"])("%s has no base", (pattern) => {
  expect(() => baseOfPattern(pattern, "x/{name}")).toThrow(
    /^topicPattern: .* has no base before its first variable; write it as in x\/\{name\}$/,
  );
});

describe("in the config", () => {
  test.each([
    ["owntracks", "fleet/%x/%d", "write it as in owntracks/%u/%d"],
    ["teltonika", "fleet/{id}/up", "write it as in fleet/{imei}/data"],
    ["nmea", "boats/gps", "write it as in boats/{device}/gps"],
    ["tasmota", "home/plug/%prefix%/", "write a FullTopic such as home/%topic%/%prefix%/"],
    ["zigbee2mqtt", "{friendly_name}", "write it as in home/zigbee/{friendly_name}"],
    ["homie", "{device}/{node}", "write it as in home/homie/{device}/{node}/{property}"],
    ["emonhub", "{node}/{variable}", "write it as in home/emon/{node}/{variable}"],
  ])("a pattern that %s cannot use is refused at the start", (format, topicPattern, advice) => {
    const contexts = [{ topic: "a/#", format, topicPattern }];
    expect(() => createRouter({ contexts })).toThrow(/^contexts\.0\.topicPattern: /);
    expect(() => createRouter({ contexts })).toThrow(advice);
  });

  test("named levels of the context's own topic are a pattern for its format", () => {
    const topic = "fleet/350612070000001/up";
    const payload = Buffer.from('{"state":{"reported":{"latlng":"1,2"}}}');
    const router = createRouter({ contexts: [{ topic: "fleet/{imei}/up", format: "teltonika" }] });
    const readings = router(topic)?.decode({ topic, payload, receivedAt: 1.8e12, client: null }).readings;
    expect(readings?.[0]).toMatchObject({ device: "350612070000001" });
  });
});
