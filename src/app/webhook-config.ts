import { z } from "zod";
import { filterProblem } from "../model/filter.ts";
import { uniqueNames } from "./unique-names.ts";

const webhook = z.strictObject({
  name: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,64}$/, "letters, digits, `.`, `_` and `-` only, at most 64")
    .describe("Names it in logs and metrics, and its place in the log: another name begins anew"),
  url: z
    .string()
    .superRefine((url, context) => {
      const problem = urlProblem(url);
      if (problem) context.addIssue({ code: "custom", message: problem });
    })
    .describe("Where readings are sent: `https://` or `http://`"),
  secret: z.string().min(1).meta({
    // biome-ignore lint/suspicious/noTemplateCurlyInString: this is what the user writes
    description: "Signs what is sent; at least 16 characters. May hold `${NAME}` for an environment variable",
    secret: true,
  }),
  filter: z
    .string()
    .superRefine((filter, context) => {
      const problem = filterProblem(filter);
      if (problem) context.addIssue({ code: "custom", message: problem });
    })
    .default("alerts/#")
    .describe("Topics whose readings are sent"),
  states: z
    .array(z.string())
    .min(1)
    .default(["firing", "acknowledged", "resolved"])
    .describe("Only readings whose `state` is one of these"),
  timeoutS: z.number().min(0.1).max(300).default(10).describe("How long the receiver may take to answer"),
  giveUpH: z
    .number()
    .positive()
    .max(8_760)
    .default(24)
    .describe("What could not be delivered for so many hours is given up"),
});

/** Who is told of alerts over HTTP. */
export const webhooks = z
  .array(webhook)
  .max(100)
  .default([])
  .superRefine(uniqueNames("webhooks"))
  .describe("Who is told of alerts over HTTP");

function urlProblem(text: string): string | null {
  if (!URL.canParse(text)) return "not a URL such as https://example.org/alerts";
  const { protocol, username, password } = new URL(text);
  if (protocol !== "https:" && protocol !== "http:") return `${protocol}// is not one of https://, http://`;
  return username === "" && password === "" ? null : "put no credentials into the URL; the secret signs";
}
