import type { RouterSettings } from "./contexts.ts";
import { digitraffic } from "./digitraffic.ts";
import { dsmr } from "./dsmr.ts";
import { emonhub } from "./emonhub.ts";
import { fares } from "./fares.ts";
import type { Format } from "./format.ts";
import { genericJson } from "./generic-json.ts";
import { gtfsRt } from "./gtfs-rt.ts";
import { haDiscovery } from "./ha-discovery.ts";
import { homie } from "./homie.ts";
import { hslHfp } from "./hsl-hfp.ts";
import { lorawanChirpstack } from "./lorawan-chirpstack.ts";
import { lorawanTts } from "./lorawan-tts.ts";
import { meshtastic } from "./meshtastic.ts";
import { native } from "./native.ts";
import { nmea } from "./nmea.ts";
import { owntracks } from "./owntracks.ts";
import { pemsCsv } from "./pems-csv.ts";
import { type Router, TopicRouter } from "./router.ts";
import { senml } from "./senml.ts";
import { shellyGen1 } from "./shelly-gen1.ts";
import { shellyGen2 } from "./shelly-gen2.ts";
import { siriLite } from "./siri-lite.ts";
import { sparkplugB } from "./sparkplug-b.ts";
import { tasmota } from "./tasmota.ts";
import { teltonika } from "./teltonika.ts";
import { traccar } from "./traccar.ts";
import { trafficFlowObserved } from "./traffic-flow-observed.ts";
import { victron } from "./victron.ts";
import { zigbee2mqtt } from "./zigbee2mqtt.ts";

/** Every format there is. To add one: its file, its fixture, its line here. */
export const allFormats: readonly Format[] = [
  native,
  owntracks,
  tasmota,
  digitraffic,
  hslHfp,
  gtfsRt,
  siriLite,
  trafficFlowObserved,
  pemsCsv,
  fares,
  traccar,
  teltonika,
  nmea,
  meshtastic,
  lorawanTts,
  lorawanChirpstack,
  senml,
  sparkplugB,
  homie,
  haDiscovery,
  genericJson,
  dsmr,
  emonhub,
  shellyGen1,
  shellyGen2,
  victron,
  zigbee2mqtt,
];

/**
 * Builds a router with fresh decoders. Of the contexts that match a topic the most specific one applies; its `format`
 * reads the topic, else its mapping, else the built-in format with the most specific claim, else who discovered the topic.
 * @throws Error when two formats claim the same pattern or a setting is wrong; the message begins with the path of the
 *   setting, as `contexts.0.mapping.fields.lat.scale`
 */
export function createRouter(settings: RouterSettings, formats: readonly Format[] = allFormats): Router {
  const router = new TopicRouter(settings, formats);
  return (topic) => router.find(topic);
}
