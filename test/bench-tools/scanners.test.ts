import { generate, parser } from "mqtt-packet";
import { describe, expect, it } from "vitest";
import { matchesFilter } from "../../src/model/filter.ts";
import { ReplyReader, redisCommand } from "../bench/baselines/redis.ts";
import { MarkerScanner, markerText, nowMicros } from "../bench/load/marker.ts";
import { connectPacket, PacketScanner, publishPacket, subscribePacket } from "../bench/load/mqtt.ts";
import { deepTopic, gpsPayload, wildFilter } from "../bench/load/payload.ts";
import { clientFrame, FrameScanner, HandshakeReader, opcodes } from "../bench/load/websocket.ts";

/** The bytes in pieces of every size from one byte to all. */
function* cuts(bytes: Buffer): Generator<Buffer[]> {
  for (let size = 1; size <= bytes.length; size++) {
    const pieces: Buffer[] = [];
    for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size));
    yield pieces;
  }
}

describe("MQTT", () => {
  it("writes CONNECT and PUBLISH as another implementation reads them", () => {
    const packets: unknown[] = [];
    const reader = parser({ protocolVersion: 4 });
    reader.on("packet", (packet) => packets.push(packet));
    reader.parse(connectPacket("dev-1"));
    reader.parse(publishPacket("telemetry/gps/dev-1", Buffer.alloc(200, 1), 1, 40_000));
    reader.parse(publishPacket("a", Buffer.from("b"), 0, 7));
    expect(packets).toMatchObject([
      { cmd: "connect", clientId: "dev-1", clean: true, keepalive: 0, protocolVersion: 4 },
      {
        cmd: "publish",
        topic: "telemetry/gps/dev-1",
        qos: 1,
        messageId: 40_000,
        payload: Buffer.alloc(200, 1),
      },
      { cmd: "publish", topic: "a", qos: 0, payload: Buffer.from("b") },
    ]);
  });

  it("counts acknowledgements wherever the bytes are cut", () => {
    const acks = [1, 300].map((messageId) => generate({ cmd: "puback", messageId }));
    const bytes = Buffer.concat([
      generate({ cmd: "connack", returnCode: 0, sessionPresent: false }),
      ...acks,
    ]);
    for (const pieces of cuts(bytes)) {
      const scanner = new PacketScanner();
      for (const piece of pieces) scanner.push(piece, 0, piece.length);
      expect([scanner.accepted, scanner.pubacks]).toEqual([1, 2]);
    }
  });

  it("subscribes, and counts what the subscription brings", () => {
    const packets: unknown[] = [];
    const reader = parser({ protocolVersion: 4 });
    reader.on("packet", (packet) => packets.push(packet));
    reader.parse(subscribePacket("telemetry/#", 7));
    expect(packets).toMatchObject([
      { cmd: "subscribe", messageId: 7, subscriptions: [{ topic: "telemetry/#", qos: 0 }] },
    ]);
    const publish = { cmd: "publish", topic: "a", payload: "b", qos: 0, dup: false, retain: false } as const;
    const bytes = Buffer.concat([
      generate({ cmd: "suback", messageId: 7, granted: [0] }),
      generate(publish),
      generate({ ...publish, payload: "c".repeat(300) }),
    ]);
    for (const pieces of cuts(bytes)) {
      const scanner = new PacketScanner();
      for (const piece of pieces) scanner.push(piece, 0, piece.length);
      expect([scanner.subscribed, scanner.published]).toEqual([1, 2]);
    }
  });

  it("has 1,024 filters, all different, that match the same devices", () => {
    const filters = Array.from({ length: 1_024 }, (_, index) => wildFilter(index));
    expect(new Set(filters).size).toBe(1_024);
    expect(filters.every((filter) => matchesFilter(filter, deepTopic(3)))).toBe(true);
  });

  it("refuses to go on when the broker refuses the connection", () => {
    const refusal = generate({ cmd: "connack", returnCode: 5, sessionPresent: false });
    expect(() => new PacketScanner().push(refusal, 0, refusal.length)).toThrow("code 5");
  });
});

describe("WebSocket", () => {
  const frame = (opcode: number, bytes: number) => {
    if (bytes < 126) return Buffer.from([0x80 | opcode, bytes, ...Buffer.alloc(bytes)]);
    if (bytes < 65_536)
      return Buffer.concat([Buffer.from([0x80 | opcode, 126, bytes >> 8, bytes & 255]), Buffer.alloc(bytes)]);
    const header = Buffer.alloc(10);
    header.writeUInt16BE(((0x80 | opcode) << 8) | 127);
    header.writeBigUInt64BE(BigInt(bytes), 2);
    return Buffer.concat([header, Buffer.alloc(bytes)]);
  };

  it("counts frames of every length form wherever the bytes are cut, and pings apart", () => {
    const bytes = Buffer.concat([frame(2, 0), frame(2, 125), frame(opcodes.ping, 3), frame(1, 300)]);
    for (const pieces of cuts(bytes)) {
      let pings = 0;
      const scanner = new FrameScanner(() => pings++);
      for (const piece of pieces) scanner.push(piece, 0, piece.length);
      expect([scanner.frames, pings]).toEqual([3, 1]);
    }
    const scanner = new FrameScanner(() => {});
    const long = Buffer.concat([frame(2, 70_000), frame(2, 1)]);
    scanner.push(long, 0, long.length);
    expect(scanner.frames).toBe(2);
  });

  it("says so when the server closes or masks", () => {
    const push = (bytes: Buffer) => new FrameScanner(() => {}).push(bytes, 0, bytes.length);
    expect(() => push(frame(opcodes.close, 2))).toThrow("closed");
    expect(() => push(clientFrame(opcodes.text, Buffer.from("x")))).toThrow("masked");
  });

  it("finds where the frames begin", () => {
    const bytes = Buffer.from("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\nframes");
    for (const pieces of cuts(bytes)) {
      const reader = new HandshakeReader();
      let rest = "";
      let isOpen = false;
      for (const piece of pieces) {
        const start = isOpen ? 0 : reader.push(piece, piece.length);
        if (start < 0) continue;
        isOpen = true;
        rest += piece.toString("latin1", start);
      }
      expect(rest).toBe("frames");
    }
    expect(() => new HandshakeReader().push(Buffer.from("HTTP/1.1 503 No\r\n\r\n"), 19)).toThrow("503");
  });
});

describe("Redis", () => {
  it("gives out what was published wherever the bytes are cut", () => {
    const message = (payload: string) => redisCommand("pmessage", "t/*", "t/1", Buffer.from(payload));
    const subscribed = Buffer.from("*3\r\n$10\r\npsubscribe\r\n$3\r\nt/*\r\n:1\r\n");
    const bytes = Buffer.concat([subscribed, message("a\r\nb"), message("")]);
    for (const pieces of cuts(bytes)) {
      const replies: string[][] = [];
      const reader = new ReplyReader((parts) => replies.push(parts.map(String)));
      for (const piece of pieces) reader.push(piece);
      expect(replies).toEqual([
        ["psubscribe", "t/*", "1"],
        ["pmessage", "t/*", "t/1", "a\r\nb"],
        ["pmessage", "t/*", "t/1", ""],
      ]);
    }
  });
});

describe("markers", () => {
  it("are each counted once wherever the bytes are cut", () => {
    const near = "bench bench~~ benc"; // one that counts, and beginnings of others
    const bytes = Buffer.from(`${markerText(1)}${markerText(22)}xbenbench~0000000003${near}`);
    for (const pieces of cuts(bytes)) {
      const scanner = new MarkerScanner();
      for (const piece of pieces) scanner.push(piece, 0, piece.length);
      expect(scanner.count).toBe(4);
    }
  });

  it("do not reach into what stood in the buffer before", () => {
    const scanner = new MarkerScanner();
    const buffer = Buffer.from(`xx${markerText(1)}`);
    scanner.push(buffer, 0, 6);
    expect(scanner.count).toBe(0);
  });

  it("tell the age of a reading", () => {
    const scanner = new MarkerScanner();
    const ages: number[] = [];
    scanner.onAge = (ageMs) => ages.push(ageMs);
    const bytes = Buffer.from(markerText(nowMicros() - 2_000_000));
    scanner.push(bytes, 0, bytes.length);
    expect(ages).toHaveLength(1);
    expect(ages[0]).toBeGreaterThanOrEqual(2_000);
    expect(ages[0]).toBeLessThan(12_000);
  });

  it("stand in a reading of the promised size", () => {
    const payload = gpsPayload(12_345);
    expect(payload.length).toBeGreaterThanOrEqual(150);
    expect(payload.length).toBeLessThanOrEqual(162);
    expect(JSON.parse(payload.toString())).toMatchObject({ lat: 60.1012345, accuracyM: 4.5 });
    expect(gpsPayload(1).equals(gpsPayload(2))).toBe(false);
  });
});
