import type { TopicParts } from "./topic.ts";

/** What an alert is called where people acknowledge it: its topic below `alerts/`, ids as they are told. */
export function alertName({
  device,
  channel,
}: Pick<TopicParts, "device"> & { channel?: string | undefined }): string {
  return channel === undefined ? device : `${device}/${channel}`;
}
