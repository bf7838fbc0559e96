import type { Format } from "./format.ts";
import { readJson } from "./json-payload.ts";
import { nothing, quote, reject } from "./outcome.ts";
import { SenmlMeanings } from "./senml-measure.ts";
import { readPack } from "./senml-pack.ts";

/**
 * Sensor Measurement Lists as JSON (RFC 8428): base fields carry forward, the unit says what was measured. Records of
 * one device and time make one reading; `lat` and `lon` are joined. A sum of power over time is energy. Strings,
 * booleans and units of other domains have nothing to say here.
 */
export const senml: Format = {
  name: "senml",
  title: "SenML measurement lists (RFC 8428)",
  topics: ["senml/#", "#/senml", "#/senml/+"],
  create() {
    const meanings = new SenmlMeanings();
    return (packet) => {
      const json = readJson(packet.payload);
      if (json === null) return nothing;
      if (typeof json === "string") return reject(json);
      if (Array.isArray(json.value)) return readPack(json.value, packet.receivedAt, meanings);
      return reject(`payload: a SenML pack is a JSON list, not ${quote(json.value)}`);
    };
  },
};
