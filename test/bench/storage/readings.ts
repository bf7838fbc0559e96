import type { EngineRecord, LatestRow } from "../../../src/log/engine.ts";
import { encodeLatest } from "../../../src/log/latest.ts";
import type { Values } from "../../../src/model/reading.ts";
import { decimalsOf, type Shape, writeBody } from "../../../src/wire/body.ts";
import { MsgpackWriter } from "../../../src/wire/writer.ts";

const names = [
  "lat",
  "lon",
  "speedKmh",
  "courseDeg",
  "accuracyM",
  "batteryPct",
  "altM",
  "hdop",
  "odometerKm",
  "driver",
];
/** The one shape of all of them. */
export const benchShape: Shape = { id: 1, names, decimals: names.map(decimalsOf) };

/** Readings of `devices` trackers that report in turn, once a second each, in batches of `perCommit`. */
export class Readings {
  readonly devices: number;
  readonly #perCommit: number;
  readonly #pad: string;
  readonly #writer = new MsgpackWriter(4_096);
  #lastSeq = 0;

  /** @param padBytes by how much each is longer than it need be: fills a ring sooner */
  constructor(devices: number, perCommit: number, padBytes = 0) {
    this.devices = devices;
    this.#pad = "x".repeat(padBytes);
    this.#perCommit = perCommit;
  }

  get lastSeq(): number {
    return this.#lastSeq;
  }

  /** Observation time of the newest reading. */
  get time(): number {
    return 1_795_341_600_000 + Math.floor((this.#lastSeq * 1_000) / this.devices);
  }

  /** Bytes of a reading's body, in the middle of much. */
  bodyBytes(): number {
    return this.#one(100_000_000).body.length;
  }

  next(): EngineRecord[] {
    return Array.from({ length: this.#perCommit }, () => this.#one(++this.#lastSeq));
  }

  /** A topic's latest as it is stored. */
  latest(topicId: number): LatestRow {
    const state = {
      seq: 0,
      time: this.time,
      values: valuesAt(topicId, this.#pad),
      times: null,
      attrs: null,
      shape: null,
    };
    return { topicId, lastSeq: 0, body: encodeLatest(this.#writer, topicId, state) };
  }

  #one(seq: number): EngineRecord {
    const { time } = this;
    const device = (seq * 7_919) % this.devices;
    const topic = { id: device + 1, name: `gps/bench-${device}` };
    writeBody(this.#writer, seq, topic.id, benchShape, time, valuesAt(seq, this.#pad));
    return { seq, time, topic, body: this.#writer.take() };
  }
}

function valuesAt(seq: number, pad: string): Values {
  return {
    lat: 60 + ((seq * 31) % 10_000_000) / 1e7,
    lon: 24 + ((seq * 17) % 10_000_000) / 1e7,
    speedKmh: (seq % 13_000) / 100,
    courseDeg: (seq % 36_000) / 100,
    accuracyM: (seq % 900) / 100,
    batteryPct: seq % 101,
    altM: (seq % 30_000) / 100,
    hdop: (seq % 300) / 100,
    odometerKm: 120_000 + seq / 1_024,
    driver: `driver-${seq % 977}${pad}`,
  };
}
