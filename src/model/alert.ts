import type { TopicParts } from "./topic.ts";

/**
 * Alerts of an insight (of one first level of their names: `rules`, `jam`, `transit`) that are not over and can be acknowledged: of
 * more, those that were told longest ago cannot.
 */
export const maxOpenAlerts = 10_000;

/** What an alert is called where people acknowledge it: its topic below `alerts/`, ids as they are told. */
export function alertName({
  device,
  channel,
}: Pick<TopicParts, "device"> & { channel?: string | undefined }): string {
  return channel === undefined ? device : `${device}/${channel}`;
}
