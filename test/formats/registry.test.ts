import { describe, expect, test } from "vitest";
import type { Format } from "../../src/formats/format.ts";
import { maxPayloadBytes } from "../../src/formats/json-payload.ts";
import { nothing } from "../../src/formats/outcome.ts";
import { allFormats, createRouter } from "../../src/formats/registry.ts";

function formatOf(name: string, ...topics: string[]): Format {
  return { name, title: name, topics, create: () => () => nothing };
}

function packetOf(topic: string, payload: Uint8Array) {
  return { topic, payload, receivedAt: 0, client: null };
}

describe("createRouter", () => {
  const route = createRouter({}, [
    formatOf("all", "a/#"),
    formatOf("one", "a/+"),
    formatOf("named", "a/b"),
    formatOf("deep", "a/+/c/#"),
    formatOf("suffix", "#/tele/SENSOR"),
    formatOf("suffixAny", "#/tele/+"),
    formatOf("headAny", "+/data"),
    formatOf("slash", "/x/#"),
    formatOf("numbered", "#/status/switch:*"),
    formatOf("numberedOne", "#/status/switch:7"),
  ]);

  test.each([
    ["a", "all"],
    ["a/b", "named"],
    ["a/z", "one"],
    ["a/z/y", "all"],
    ["a/z/c", "deep"],
    ["a/b/c/d/e", "deep"],
    ["a/b/d", "all"],
    ["a/tele/SENSOR", "all"],
    ["x/y/tele/SENSOR", "suffix"],
    ["tele/SENSOR", "suffix"],
    ["x/tele/STATE", "suffixAny"],
    ["352094087654321/data", "headAny"],
    ["tele/data", "suffixAny"],
    ["/x/y", "slash"],
    ["x/status/switch:0", "numbered"],
    ["x/y/status/switch:10", "numbered"],
    ["x/status/switch:7", "numberedOne"],
  ])("gives %s to %s", (topic, name) => {
    expect(route(topic)?.name).toBe(name);
    expect(route(topic)).toBe(route(topic));
  });

  test.each(["", "b", "b/a", "$SYS/tele/SENSOR", "x/data/y", "x/status/switch", "x/status/switcher:1"])(
    "gives %j to nobody",
    (topic) => {
      expect(route(topic)).toBeNull();
      expect(route(topic)).toBeNull();
    },
  );

  test("refuses claims that clash or are no filters", () => {
    expect(() => createRouter({}, [formatOf("a", "x/#"), formatOf("b", "x/#")])).toThrow(
      "x/# is claimed by a and b",
    );
    expect(() => createRouter({}, [formatOf("a", "x/#/y")])).toThrow(/`#` must stand alone/);
  });

  test("forgets the oldest topics and still finds them", () => {
    for (let at = 0; at < 25_000; at++) expect(route(`a/${at}`)?.name).toBe("one");
    expect(route("a/0")?.name).toBe("one");
  });

  test("refuses reserved names in topics and payloads of a mebibyte, for every format", () => {
    for (const format of allFormats.filter(({ topics }) => topics.length > 0)) {
      const topic = (format.topics[0] as string).replace("#", "x/y").replaceAll("+", "x");
      const route = createRouter({})(topic);
      const large = new Uint8Array(maxPayloadBytes);
      expect(route?.decode(packetOf(topic, large)).rejected).toMatch(/^payload: 1048576 bytes/);
      const hostile = createRouter({})(topic.replace(/(^|\/)x(\/|$)/, "$1__proto__$2"));
      expect(hostile?.decode(packetOf(topic, new Uint8Array())).rejected).toMatch(
        /^topic: a level is a reserved name/,
      );
    }
  });

  test("says what is wrong with a setting", () => {
    expect(() => createRouter({ timezone: "Nowhere" })).toThrow(/timezone: "Nowhere" is not an IANA zone/);
  });

  test("turns a fault of a format into a reject", () => {
    const broken: Format = {
      ...formatOf("broken", "q"),
      create: () => () => {
        throw new Error("boom");
      },
    };
    const route = createRouter({}, [broken])("q");
    expect(route?.decode(packetOf("q", new Uint8Array())).rejected).toMatch(
      /the broken format failed \(boom\)/,
    );
  });
});

describe("allFormats", () => {
  test("have names and titles of their own", () => {
    expect(new Set(allFormats.map((format) => format.name)).size).toBe(allFormats.length);
    expect(new Set(allFormats.map((format) => format.title)).size).toBe(allFormats.length);
    for (const format of allFormats) expect(format.name).toMatch(/^[a-z][a-z0-9-]*$/);
  });
});
