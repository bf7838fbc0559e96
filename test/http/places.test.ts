import { beforeEach, expect, it } from "vitest";
import { MemoryEngine } from "../../src/log/engines/memory.ts";
import { randomEpoch } from "../../src/log/epoch.ts";
import { openLog } from "../../src/log/log.ts";
import { defaultLogOptions, defaultRingOptions } from "../../src/log/options.ts";
import { systemClock } from "../../src/model/clock.ts";
import type { LonLat, MapPlace } from "../../src/model/map-place.ts";
import { silentLogger } from "../../src/observe/log.ts";
import { type Api, getJson, openApi } from "./api.ts";

interface Collection {
  readonly omitted: number;
  readonly features: readonly { readonly properties: { readonly name: string } }[];
}

const road: MapPlace = {
  kind: "segment",
  name: "quay",
  filter: "congestion/quay",
  geometry: {
    type: "LineString",
    coordinates: [
      [25, 60],
      [25.01, 60.01],
    ],
  },
  oneWay: true,
};
const fence: MapPlace = {
  kind: "fence",
  name: "yard",
  filter: "geofence/yard/#",
  geometry: { type: "Point", coordinates: [25, 60] },
  radiusM: 200,
};

let open: (places: readonly MapPlace[]) => Api;

beforeEach(async () => {
  const engine = new MemoryEngine(defaultRingOptions, randomEpoch);
  const log = await openLog(engine, defaultLogOptions, systemClock, silentLogger);
  open = (places) => openApi(log, places);
});

it("tells places as GeoJSON, all or those of a kind", async () => {
  const api = open([road, fence]);
  const { status, headers, text } = await api.get("/api/v1/places");
  expect([status, headers["content-type"]]).toEqual([200, "application/geo+json; charset=utf-8"]);
  const { geometry, ...properties } = road;
  expect(JSON.parse(text)).toMatchObject({
    type: "FeatureCollection",
    features: [{ type: "Feature", geometry, properties }, { properties: { radiusM: 200 } }],
    omitted: 0,
  });
  const fences = await getJson<Collection>(api, "/api/v1/places?kind=fence");
  expect(fences.features.map((one) => one.properties.name)).toEqual(["yard"]);
  expect((await api.get("/api/v1/places?kind=roof")).status).toBe(400);
  expect(JSON.parse((await open([]).get("/api/v1/places")).text)).toMatchObject({ features: [] });
});

it("is not sent again to who has it, also through a proxy that made the tag weak", async () => {
  const api = open([road]);
  const { headers } = await api.get("/api/v1/places");
  const etag = headers["etag"] ?? "";
  for (const known of [etag, `"other", W/${etag}`]) {
    const { status, text } = await api.get("/api/v1/places", { "if-none-match": known });
    expect([status, text]).toEqual([304, ""]);
  }
  const changed = await open([fence]).get("/api/v1/places", { "if-none-match": etag });
  expect(changed.status).toBe(200);
});

it("is bounded: of a kind with too many positions it says how many places are left out", async () => {
  const coordinates = Array.from({ length: 60_000 }, (_, at): LonLat => [at / 1e4, 60]);
  const long = (name: string): MapPlace => ({
    kind: "line",
    name,
    geometry: { type: "LineString", coordinates },
  });
  const { omitted, features } = await getJson<Collection>(
    open([long("a"), long("b"), road]),
    "/api/v1/places",
  );
  expect([omitted, features.map((one) => one.properties.name)]).toEqual([1, ["a", "quay"]]);
});
