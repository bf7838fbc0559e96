import { acknowledged } from "./acknowledged.ts";
import { alerts } from "./alerts.ts";
import { cost } from "./cost.ts";
import { eta } from "./eta.ts";
import { fares } from "./fares.ts";
import { geofence } from "./geofence.ts";
import type { Insight } from "./insight.ts";
import { presence } from "./presence.ts";
import { roads } from "./roads.ts";
import { standby } from "./standby.ts";
import { transit } from "./transit.ts";
import { trips } from "./trips.ts";
import { usage } from "./usage.ts";
import { usageNormal } from "./usage-normal.ts";

/** To add an insight: its file, its fixture, its line here. */
const written: readonly Insight[] = [
  presence,
  trips,
  geofence,
  eta,
  usage,
  roads,
  transit,
  cost,
  usageNormal,
  standby,
  fares,
  alerts,
];

/** Every insight there is. */
export const allInsights: readonly Insight[] = written.map((insight) =>
  insight.writes.includes("alerts") ? acknowledged(insight) : insight,
);
