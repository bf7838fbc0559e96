import { cityOrigin } from "./geo.ts";
import { dayMs, isWeekend, localDay, localHour } from "./localtime.ts";
import { noiseAt, smoothNoiseAt } from "./random.ts";

/** Active power in W at an instant, + consumption, - production: a pure function of the seed and the time. */
export type Load = (seed: number, time: number) => number;

const minuteMs = 60_000;

/** A flat: standby, a fridge that cycles, cooking, lights, a washing machine every other day. */
export const householdLoad: Load = (seed, time) => {
  const hour = localHour(time);
  const standbyW = 70 + 60 * noiseAt(seed, 1) + 15 * smoothNoiseAt(seed + 1, time / (5 * minuteMs));
  return (
    standbyW +
    fridgeW(seed, time) +
    cookingW(seed, time, hour) +
    lightsW(seed, time, hour) +
    washW(seed, time, hour)
  );
};

function fridgeW(seed: number, time: number): number {
  const periodMs = (38 + 14 * noiseAt(seed, 2)) * minuteMs;
  const phase = (time / periodMs + noiseAt(seed, 3)) % 1;
  // The compressor draws more for its first moments.
  if (phase < 0.01) return 240;
  return phase < 0.37 ? 85 : 0;
}

function cookingW(seed: number, time: number, hour: number): number {
  const shift = isWeekend(time) ? 1.5 : 0;
  const morning = bump(hour, 7.2 + shift, 0.6);
  const noon = 0.3 * bump(hour, 12, 0.7);
  const evening = bump(hour, 18 + shift / 3, 1.1);
  const hunger = Math.max(morning, noon, evening, 0.03);
  // Plates and kettles are switched on and off by thermostats and people: blocks of two minutes.
  const block = Math.floor(time / (2 * minuteMs));
  if (noiseAt(seed + 2, block) > hunger * 0.75) return 0;
  return 900 + 1400 * noiseAt(seed + 3, block);
}

function lightsW(seed: number, time: number, hour: number): number {
  const awake = Math.max(bump(hour, 7, 0.8), bump(hour, 20, 2.2));
  return awake * (110 + 160 * smoothNoiseAt(seed + 4, time / (20 * minuteMs)));
}

function washW(seed: number, time: number, hour: number): number {
  const day = localDay(time);
  const startHour = 9 + 10 * noiseAt(seed + 5, day);
  const runHours = hour - startHour;
  if (noiseAt(seed + 6, day) < 0.5 || runHours < 0 || runHours > 1.6) return 0;
  // Heats the water first, then turns the drum.
  return runHours < 0.4 ? 1950 : 160 + 180 * noiseAt(seed + 7, Math.floor(time / minuteMs));
}

/** A wall box: charges at 7.2 kW on most evenings, at 3.6 kW around noon on some days. */
export const chargerLoad: Load = (seed, time) => {
  const day = localDay(time);
  const hour = localHour(time);
  const standbyW = 4;
  const evening = 17 + 3 * noiseAt(seed, day);
  const noon = 10.5 + 2 * noiseAt(seed + 1, day);
  const isEvening =
    noiseAt(seed + 2, day) < 0.8 && hour >= evening && hour < evening + 2 + 2 * noiseAt(seed + 3, day);
  const isNoon = noiseAt(seed + 4, day) < 0.5 && hour >= noon && hour < noon + 2.5;
  const wobble = 1 - 0.01 * smoothNoiseAt(seed + 5, time / minuteMs);
  if (isEvening) return 7200 * wobble;
  return isNoon ? 3600 * wobble : standbyW;
};

/** A heat pump: runs longer in the cold of the night, warms water before breakfast. */
export const heatPumpLoad: Load = (seed, time) => {
  const hour = localHour(time);
  const duty = 0.45 + 0.2 * Math.cos(((hour - 4) / 24) * 2 * Math.PI) + 0.15 * bump(hour, 5.5, 0.8);
  const phase = (time / (26 * minuteMs) + noiseAt(seed, 1)) % 1;
  if (phase > duty) return 12;
  const rampUp = Math.min(1, 0.5 + phase * 10);
  return rampUp * (1550 + 500 * smoothNoiseAt(seed + 1, time / (8 * minuteMs)));
};

/** Peak power of the simulated photovoltaic arrays. */
export const solarPeakW = 6000;

/** A photovoltaic inverter: the sun's height, thinned by passing clouds; at night its own small consumption. */
export const solarLoad: Load = (seed, time) => {
  const height = Math.sin(sunElevationRad(time));
  if (height <= 0) return 3;
  const haze = 0.45 + 0.55 * smoothNoiseAt(seed, time / (90 * minuteMs));
  const clouds = 0.55 + 0.45 * smoothNoiseAt(seed + 1, time / (3 * minuteMs));
  // Tilted panels catch more of a low sun than flat ground does.
  return -solarPeakW * height ** 0.8 * haze * clouds;
};

/** A house with its own roof: everything at once, as the meter at its door sees it. */
export const solarHouseLoad: Load = (seed, time) => {
  return householdLoad(seed, time) + heatPumpLoad(seed + 100, time) + solarLoad(seed + 200, time);
};

/**
 * The sun's elevation over the city in radians, within about half a degree (declination and equation of time after
 * Duffie and Beckman, "Solar Engineering of Thermal Processes", 1.6 and 1.5.3).
 */
export function sunElevationRad(time: number): number {
  const yearStart = Date.UTC(new Date(time).getUTCFullYear(), 0, 1);
  const day = (time - yearStart) / dayMs;
  const b = (2 * Math.PI * (day - 81)) / 364;
  const equationOfTimeMin = 9.87 * Math.sin(2 * b) - 7.53 * Math.cos(b) - 1.5 * Math.sin(b);
  const declination = ((23.45 * Math.PI) / 180) * Math.sin((2 * Math.PI * (284 + day)) / 365);
  const solarHour = (day % 1) * 24 + cityOrigin.lon / 15 + equationOfTimeMin / 60;
  const hourAngle = ((solarHour - 12) * Math.PI) / 12;
  const latitude = (cityOrigin.lat * Math.PI) / 180;
  return Math.asin(
    Math.sin(latitude) * Math.sin(declination) +
      Math.cos(latitude) * Math.cos(declination) * Math.cos(hourAngle),
  );
}

/** 1 at the centre, falling off over about `width` hours to both sides. */
function bump(hour: number, centre: number, width: number): number {
  return Math.exp(-(((hour - centre) / width) ** 2));
}
