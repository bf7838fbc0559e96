import { describe, expect, it } from "vitest";
import { parseRequest } from "../../src/wire/requests.ts";

function parse(message: object): ReturnType<typeof parseRequest> {
  return parseRequest(JSON.stringify(message));
}

describe("where a subscription starts", () => {
  const subscribe = { type: "subscribe", id: 1, filter: "#" };

  it("is the latest values unless it says more, and a time in either spelling", () => {
    expect(parse(subscribe)).toEqual({ ...subscribe, from: "latest" });
    const time = Date.UTC(2026, 10, 22, 14, 5);
    expect(parse({ ...subscribe, from: { time } })).toMatchObject({ from: { time } });
    expect(parse({ ...subscribe, from: { time: "2026-11-22T15:05:00+01:00" } })).toMatchObject({
      from: { time },
    });
  });

  it.each([
    [null, "cannot start from null"],
    ["yesterday", 'cannot start from "yesterday"'],
    [{}, "`from` names one of `cursor`, `time` and `last`"],
    [{ cursor: "a:1", last: 5 }, "`from` names one of"],
    [{ cursor: 5 }, "`cursor` is 5"],
    [{ time: "14:05" }, '`time` is "14:05", not ISO 8601 with an offset'],
    [{ last: 0 }, "`last` is 0, not a whole number from 1 to 10000"],
    [{ last: 10_001 }, "`last` is 10001"],
    [{ last: "many" }, '`last` is "many"'],
  ])("%j is refused with what is wrong", (from, problem) => {
    for (const message of [
      { ...subscribe, from },
      { type: "update", id: 1, from },
    ]) {
      const refusal = parse(message);
      expect(refusal).toMatchObject({ refused: true, id: 1, code: "bad-from" });
      expect(refusal).toHaveProperty("message", expect.stringContaining(problem));
    }
  });

  it.each([
    [{ speed: -1 }, "`speed` must be"],
    [{ speed: 0.001 }, "from 0.01 to 1000"],
    [{ speed: "fast" }, "`speed` must be"],
    [{ paused: 1 }, "`paused` must be true or false"],
  ])("%j is refused with what is wrong", (option, problem) => {
    const refusal = parse({ ...subscribe, ...option });
    expect(refusal).toMatchObject({ code: "bad-option", message: expect.stringContaining(problem) });
  });

  it("an update takes speed and pause away with null", () => {
    const update = { type: "update", id: 1, speed: null, paused: null };
    expect(parse(update)).toEqual(update);
    expect(parse({ ...subscribe, speed: null })).toMatchObject({ code: "bad-option" });
  });
});
