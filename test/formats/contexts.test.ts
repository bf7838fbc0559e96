import { describe, expect, test } from "vitest";
import { type Context, parseTopicPattern } from "../../src/formats/contexts.ts";
import type { Format, FormatHost, FormatSettings } from "../../src/formats/format.ts";
import { genericJson } from "../../src/formats/generic-json.ts";
import { nothing } from "../../src/formats/outcome.ts";
import { createRouter } from "../../src/formats/registry.ts";
import { maxClaimedTopics, TopicRouter } from "../../src/formats/router.ts";
import { patternsOverlap } from "../../src/formats/topic-trie.ts";

/** A format that tells with which settings and host it was created. */
function spyFormat(name: string, ...topics: string[]) {
  const created: FormatSettings[] = [];
  const hosts: FormatHost[] = [];
  const format: Format = {
    name,
    title: name,
    topics,
    create(settings, host) {
      if (settings.topicPattern === "wrong") throw new Error("topicPattern: write it like this");
      created.push(settings);
      hosts.push(host);
      return () => nothing;
    },
  };
  return { format, created, hosts };
}

const powerMapping = { domain: "energy", device: "$topic.1", fields: { powerW: "$.p" } };
const packet = (topic: string, payload: object) => ({
  topic,
  payload: Buffer.from(JSON.stringify(payload)),
  receivedAt: 0,
  client: null,
});

describe("a context", () => {
  test("gives its settings to the format of its topics, over the gateway's", () => {
    const { format, created } = spyFormat("one", "a/#");
    const contexts = [
      { topic: "a/x/#", freeFlowKmh: 80 },
      { topic: "a/x/y", timezone: "Asia/Tokyo" },
    ];
    const router = createRouter({ timezone: "Europe/Berlin", contexts }, [format]);
    for (const topic of ["a/b", "a/x/z", "a/x/y", "a/x/w"]) expect(router(topic)?.name).toBe("one");
    expect(created).toStrictEqual([
      { timezone: "Europe/Berlin" },
      { timezone: "Europe/Berlin", freeFlowKmh: 80 },
      { timezone: "Asia/Tokyo" },
    ]);
  });

  test("has one decoder per format, however many topics use it", () => {
    const { format, created } = spyFormat("one", "a/#");
    const other = spyFormat("two", "b/#");
    const router = createRouter({ contexts: [{ topic: "#", timezone: "UTC" }] }, [format, other.format]);
    for (let at = 0; at < 100; at++) expect(router(`a/${at}`)?.name).toBe("one");
    expect(router("b/1")?.name).toBe("two");
    expect([created.length, other.created.length]).toStrictEqual([2, 2]);
  });

  test.each<[string, string | undefined]>([
    ["named/x", "two"],
    ["mapped/x", "generic-json"],
    ["a/mapped", "generic-json"],
    ["a/own-mapping", "one"],
    ["a/x", "one"],
    ["zone/x", undefined],
    ["nothing/x", undefined],
  ])("decides who reads %s: %s", (topic, name) => {
    const contexts: Context[] = [
      { topic: "named/#", format: "two" },
      { topic: "mapped/#", mapping: powerMapping },
      { topic: "a/mapped", mapping: powerMapping },
      { topic: "a/own-mapping", mapping: { "Meter/Power": "powerW" } },
      { topic: "zone/#", timezone: "UTC" },
    ];
    const formats = [spyFormat("one", "a/#").format, spyFormat("two", "b/#").format];
    expect(createRouter({ contexts }, formats)(topic)?.name).toBe(name);
  });

  test("names the levels of its topics for the mapping", () => {
    const mapping = { ...powerMapping, device: "$topic.meter", channel: "$topic.phase" };
    const router = createRouter({ contexts: [{ topic: "x/{meter}/+/{phase}", mapping }] });
    const topic = "x/m1/data/L2";
    expect(router(topic)?.decode(packet(topic, { p: 5 })).readings).toMatchObject([
      { device: "m1", channel: "L2", values: { powerW: 5 } },
    ]);
  });

  test.each<[string, Context[], RegExp]>([
    ["a bad filter", [{ topic: "a/#/b" }], /^contexts\.0\.topic: `#` must stand alone/],
    ["half a named level", [{ topic: "a/x{b}" }], /^contexts\.0\.topic: "x\{b\}": a named level fills/],
    ["a name twice", [{ topic: "a/{b}/{b}" }], /^contexts\.0\.topic: the level \{b\} is there twice/],
    ["names behind #", [{ topic: "#/{b}" }], /^contexts\.0\.topic: levels after `#\/` cannot have names/],
    [
      "the same topics",
      [{ topic: "a/+" }, { topic: "a/{b}" }],
      /^contexts\.1\.topic: .* as contexts\.0\.topic/,
    ],
    ["no such format", [{ topic: "a", format: "x" }], /^contexts\.0\.format: there is no format "x"/],
    [
      "a bad setting",
      [{ topic: "a/b", topicPattern: "wrong" }],
      /^contexts\.0\.topicPattern: write it like this/,
    ],
    [
      "another format's mapping",
      [{ topic: "x", mapping: { "Meter/P": "powerW" } }],
      /^contexts\.0\.mapping\.Meter\/P: /,
    ],
    ["no mapping", [{ topic: "x", format: "generic-json" }], /^contexts\.0\.mapping: missing; expected keys/],
  ])("with %s is refused at the start", (_name, contexts, message) => {
    const formats = [spyFormat("one", "a/#").format, genericJson];
    expect(() => createRouter({ contexts }, formats)).toThrow(message);
  });

  test("whose setting is wrong for one format of many costs only the packets of that format", () => {
    const formats = [spyFormat("one", "a/#").format, spyFormat("two", "b/#").format];
    const router = createRouter({ contexts: [{ topic: "#", topicPattern: "wrong" }] }, formats);
    expect(router("a/b")?.decode(packet("a/b", {})).rejected).toBe(
      "contexts.0.topicPattern: write it like this",
    );
  });
});

describe("the look-up", () => {
  function visitsWith(count: number): number {
    const contexts = Array.from({ length: count }, (_, at) => ({
      topic: `site-${at}/+/stats`,
      mapping: powerMapping,
    }));
    const router = new TopicRouter({ contexts }, []);
    const before = router.visits;
    for (let at = 0; at < 100; at++)
      expect(router.find(`site-${at % 5}/m-${at}/stats`)?.name).toBe("generic-json");
    return router.visits - before;
  }

  test("costs the same with 5 contexts and with 500", () => {
    expect(visitsWith(500)).toBe(visitsWith(5));
    expect(visitsWith(500)).toBeLessThanOrEqual(100 * 5);
  });
});

describe("a claim of a decoder", () => {
  test("routes an exact topic to it, until it is released", () => {
    const { format, hosts } = spyFormat("finder", "find/#");
    const router = createRouter({}, [format]);
    const host = hosts[0] as FormatHost;
    expect(router("found/1")).toBeNull();
    expect(host.claim("found/1")).toBe(true);
    expect(host.claim("found/1")).toBe(true);
    expect(router("found/1")).toBe(router("find/x"));
    expect(router("found/2")).toBeNull();
    host.release("found/1");
    expect(router("found/1")).toBeNull();
  });

  test("is weaker than a format's own claim and than a mapping, and the first holder keeps it", () => {
    const finder = spyFormat("finder", "find/#");
    const rival = spyFormat("rival", "rival/#");
    const contexts = [{ topic: "mapped/+", mapping: powerMapping }];
    const router = createRouter({ contexts }, [finder.format, rival.format]);
    const [host, other] = [finder.hosts[0], rival.hosts[0]] as [FormatHost, FormatHost];
    for (const topic of ["rival/1", "mapped/1", "free/1"]) expect(host.claim(topic)).toBe(true);
    expect(router("rival/1")?.name).toBe("rival");
    expect(router("mapped/1")?.name).toBe("generic-json");
    expect(other.claim("free/1")).toBe(false);
    other.release("free/1");
    expect(router("free/1")?.name).toBe("finder");
  });

  test("is refused for what is no topic, and when there is no room", () => {
    const { format, hosts } = spyFormat("finder", "find/#");
    createRouter({}, [format]);
    const host = hosts[0] as FormatHost;
    for (const topic of ["", "a/#", "a/+"]) expect(host.claim(topic)).toBe(false);
    for (let at = 0; at < maxClaimedTopics; at++) expect(host.claim(`t/${at}`)).toBe(true);
    expect(host.claim("t/more")).toBe(false);
    expect(host.claim("t/0")).toBe(true);
    host.release("t/0");
    expect(host.claim("t/more")).toBe(true);
  });
});

test.each([
  ["a/#", "a/b", true],
  ["a/#", "a", true],
  ["a/+", "+/b", true],
  ["a/+", "b/#", false],
  ["#/tele/+", "home/+/x", true],
  ["#/tele/SENSOR", "a/b/STATE", false],
  ["#/tele/SENSOR", "a/#", true],
  ["a/b", "a/b/c", false],
])("patterns %s and %s overlap: %s", (one, other, isSo) => {
  expect(patternsOverlap(one, other)).toBe(isSo);
  expect(patternsOverlap(other, one)).toBe(isSo);
});

test("a topic pattern is a filter with named levels", () => {
  const { filter, levels } = parseTopicPattern("/radar/{site}/+/{lane-1}/#");
  expect(filter).toBe("/radar/+/+/+/#");
  expect([...levels]).toStrictEqual([
    ["site", 2],
    ["lane-1", 4],
  ]);
});
