import { progressName, Webhook, type WebhookDependencies, type WebhookFigures } from "../notify/webhook.ts";
import type { Config } from "./config.ts";

/** The webhooks that run. */
export interface Webhooks {
  figures(): WebhookFigures[];
  /** What is wrong with them, for people; the gateway is ready all the same. */
  warnings(): string[];
  /** Saves their places. The log must still be open. */
  close(): Promise<void>;
}

export function startWebhooks(config: Config["webhooks"], dependencies: WebhookDependencies): Webhooks {
  const saved = new Map(dependencies.log.progress().map((progress) => [progress.name, progress]));
  const all = config.map(
    (settings) => new Webhook(settings, saved.get(progressName(settings.name)), dependencies),
  );
  return {
    figures: () => all.map((webhook) => webhook.figures()),
    warnings: () =>
      all.flatMap((webhook) => {
        const { name, problem } = webhook.figures();
        return problem === null ? [] : [`webhook ${name}: ${problem}; it is tried again`];
      }),
    close: async () => {
      await Promise.all(all.map((webhook) => webhook.close()));
    },
  };
}
