import { z } from "zod";
import { filterProblem } from "../model/filter.ts";
import { uniqueNames } from "./unique-names.ts";

const schemes: ReadonlySet<string> = new Set(["mqtt:", "mqtts:", "ws:", "wss:"]);

// biome-ignore lint/suspicious/noTemplateCurlyInString: this is what the user writes
const credentialHelp = "May hold `${NAME}` for an environment variable";

const source = z
  .strictObject({
    name: z
      .string()
      .regex(/^[A-Za-z0-9._-]{1,64}$/, "letters, digits, `.`, `_` and `-` only, at most 64")
      .describe("Names it in logs and metrics; its packets have the client `source:<name>`"),
    url: z
      .string()
      .superRefine((url, context) => {
        const problem = urlProblem(url);
        if (problem) context.addIssue({ code: "custom", message: problem });
      })
      .describe("Where the broker is: `mqtt://`, `mqtts://`, `ws://` or `wss://`"),
    topics: z
      .array(
        z.string().superRefine((filter, context) => {
          const problem = sharedFilterProblem(filter);
          if (problem) context.addIssue({ code: "custom", message: problem });
        }),
      )
      .min(1)
      .describe(
        "Topic filters to follow; `$share/<group>/<filter>` divides them among gateways, where the broker can",
      ),
    qos: z.literal([0, 1, 2]).default(1).describe("QoS 1 and 2 are acknowledged after the commit"),
    topicPrefix: z
      .string()
      .regex(/^[^+#\0]*$/, "a prefix has no wildcards")
      .default("")
      .describe("Put before every topic, to tell sources apart, as `site-a/`"),
    protocolVersion: z.literal([4, 5]).default(4).describe("4 is MQTT 3.1.1, 5 is MQTT 5"),
    clientId: z.string().min(1).optional().describe("Must be the gateway's own. Unset: a random one"),
    clean: z
      .boolean()
      .optional()
      .describe(
        "`false`: the broker keeps what comes while the gateway is away, and what was not stored comes again. Unset: `false` if there is a `clientId`",
      ),
    sessionExpiryS: z
      .int()
      .min(0)
      .max(0xffff_ffff)
      .default(86_400)
      .describe("How long an MQTT 5 broker keeps the session"),
    username: z.string().optional().describe(credentialHelp),
    password: z.string().optional().meta({ description: credentialHelp, secret: true }),
    ca: z
      .string()
      .optional()
      .describe("PEM file of the certificate authority to trust, instead of the usual ones"),
    cert: z.string().optional().describe("PEM file of the gateway's own certificate"),
    key: z.string().optional().describe("PEM file of its key"),
    rejectUnauthorized: z
      .boolean()
      .default(true)
      .describe("`false` takes any certificate, an attacker's too"),
    keepaliveS: z
      .int()
      .min(1)
      .max(65_535)
      .default(60)
      .describe("Seconds of silence after which the broker is asked"),
  })
  .superRefine(({ clean, clientId, cert, key }, context) => {
    if (clean === false && clientId === undefined) {
      const message = "`clean: false` needs a clientId, by which the broker knows the session again";
      context.addIssue({ code: "custom", path: ["clientId"], message });
    }
    if ((cert === undefined) !== (key === undefined)) {
      const path = [cert === undefined ? "cert" : "key"];
      context.addIssue({ code: "custom", path, message: "`cert` and `key` come together" });
    }
  });

/** Outside brokers to follow. */
export const sources = z
  .array(source)
  .default([])
  .superRefine(uniqueNames("sources"))
  .describe("Outside brokers whose messages are taken in like those of devices");

export type SourceConfig = z.infer<typeof source>;

function urlProblem(text: string): string | null {
  if (!URL.canParse(text)) return "not a URL such as mqtts://broker.example:8883";
  const { protocol, username, password } = new URL(text);
  if (!schemes.has(protocol)) return `${protocol}// is not one of mqtt://, mqtts://, ws://, wss://`;
  if (username !== "" || password !== "")
    return "put credentials into `username` and `password`, not into the URL";
  return null;
}

/** As `filterProblem`, for shared subscriptions too (MQTT 5, 4.8.2). */
function sharedFilterProblem(filter: string): string | null {
  if (!filter.startsWith("$share/")) return filterProblem(filter);
  const match = /^\$share\/([^/+#]+)\/(.+)$/.exec(filter);
  return match
    ? filterProblem(match[2] as string)
    : "a shared subscription is written $share/<group>/<filter>";
}
