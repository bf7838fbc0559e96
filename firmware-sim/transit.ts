import type { City } from "./city.ts";
import type { Device, DeviceSettings, Message } from "./device.ts";
import type { Coordinates } from "./geo.ts";
import { describeHfp, type HfpEvent, hfpTopic, hfpVehicle } from "./hfp.ts";
import type { Route, Stop } from "./lines.ts";
import { createRandom } from "./random.ts";
import { Service } from "./service.ts";
import type { Traffic } from "./traffic.ts";

const firstVehicleNumber = 401;

/** A bus or tram that speaks HSL HFP: its position at the regular pace, everything else as it happens. */
export function createTransitDevice(
  city: City,
  traffic: Traffic,
  routes: readonly Route[],
  settings: DeviceSettings,
  index: number,
): Device {
  const route = routes[index % routes.length] as Route;
  const vehicle = firstVehicleNumber + index;
  const service = new Service({
    city,
    traffic,
    routes,
    route,
    vehicle,
    random: createRandom(settings.seed),
    startTime: settings.startTime,
  });
  let lastPlace: Coordinates | null = null;
  const say = (time: number, event: HfpEvent, stop: Stop | null): Message => {
    const state = service.state(time);
    const topic = hfpTopic(event, state, lastPlace);
    if (event === "vp") lastPlace = state.place;
    const payload = JSON.stringify(describeHfp(event, state, stop, time));
    return { device: settings.id, topic, payload };
  };
  return {
    id: settings.id,
    domain: "transit",
    topic: `transit/${hfpVehicle(route.operator, vehicle)}`,
    model: `${route.mode} computer`,
    step: (time, dtS) => service.step(time, dtS).map(({ event, stop }) => say(time, event, stop)),
    report: (time) => [say(time, "vp", service.stopHere)],
  };
}
