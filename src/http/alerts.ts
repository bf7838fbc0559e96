import type { Latest, Log } from "../log/contract.ts";
import { alertName, maxOpenAlerts } from "../model/alert.ts";
import { isoTime, type Reading } from "../model/reading.ts";
import { topicParts } from "../model/topic.ts";
import { badRequest, refused, unavailable } from "./answer-descriptions.ts";
import { type Endpoint, endpoint } from "./endpoint.ts";
import { json } from "./json.ts";
import { isSameOrigin } from "./origin.ts";
import { textParameter } from "./parameter-kinds.ts";
import { schemaRef } from "./schemas.ts";

/** Longest name of a person, characters. */
const maxNameChars = 100;

const openStates: ReadonlySet<unknown> = new Set(["pending", "firing", "acknowledged"]);

const parameters = {
  by: textParameter("Who acknowledges it; `someone` if absent."),
} as const;

/** `POST /api/v1/alerts/<id>/ack`: somebody knows of a firing alert. Insights read it from the log (insights/acknowledged.ts). */
export function acknowledgeEndpoint(log: Log): Endpoint {
  return endpoint({
    method: "POST",
    path: "/api/v1/alerts/{id}/ack",
    operation: "acknowledgeAlert",
    summary: "Say that somebody knows of a firing alert",
    description:
      "`id` is the value of that name in the alert's readings. The acknowledgement is itself a reading, `alerts/acknowledgements`; the alert's next one says `acknowledged`.",
    parameters,
    answers: {
      200: { description: "It is stored.", content: { "application/json": acknowledgedSchema } },
      400: badRequest,
      403: refused,
      404: { description: "There is no such alert.", content: { "application/json": schemaRef("Error") } },
      409: {
        description: "It is not firing, or too many were told after it.",
        content: { "application/json": schemaRef("Error") },
      },
      503: unavailable,
    },
    handle: async (request, { by }, id) => {
      if (!isSameOrigin(request)) return json(403, { error: "a page of another origin may not do this" });
      const name = by === null || by.trim() === "" ? "someone" : by.trim().slice(0, maxNameChars);
      const alerts = log.latest("alerts/#");
      const alert = alerts.find(({ values }) => values["id"] === id);
      if (!alert) return json(404, { error: `no alert has the id ${id}` });
      const { state } = alert.values;
      if (state !== "firing") {
        return json(409, { error: `${alert.topic.name} is not firing, it is ${String(state)}` });
      }
      if (toldAfter(alert, alerts) >= maxOpenAlerts) {
        return json(409, {
          error: `more than ${maxOpenAlerts} alerts like ${alert.topic.name} have been told since: it cannot be acknowledged until some are over`,
        });
      }
      // A device's clock may be ahead, and what it alerted on is acknowledged after it.
      const time = Math.max(log.time, alert.time);
      const { name: topic, channelAt } = alert.topic;
      await log.append({ readings: [acknowledgement(alertName(topicParts(topic, channelAt)), name, time)] });
      return json(200, { topic, by: name, time: isoTime(time) });
    },
  });
}

/** How many alerts of the same kind are open and were told after `alert`. */
function toldAfter(alert: Latest, alerts: readonly Latest[]): number {
  const [, kind] = alert.topic.name.split("/", 2);
  const prefix = `alerts/${kind}/`;
  return alerts.filter(
    ({ seq, topic, values }) =>
      seq > alert.seq && topic.name.startsWith(prefix) && openStates.has(values["state"]),
  ).length;
}

function acknowledgement(alert: string, by: string, time: number): Reading {
  return { domain: "alerts", device: "acknowledgements", time, values: { alert, by } };
}

const acknowledgedSchema = {
  type: "object",
  required: ["topic", "by", "time"],
  additionalProperties: false,
  properties: {
    topic: { type: "string" },
    by: { type: "string" },
    time: schemaRef("Time"),
  },
} as const;
