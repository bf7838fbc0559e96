import type { Log } from "../log/contract.ts";
import type { Clock } from "../model/clock.ts";
import type { QuarantinedPacket } from "../model/packet.ts";
import type { Reading, Values } from "../model/reading.ts";

/** Longest text of a notice, in characters; the whole packet is in the quarantine. */
const maxTextChars = 1_000;

export interface Notices {
  /** Puts a notice of the packet into the log, unless there were too many in this second. Never throws. */
  announce(packet: QuarantinedPacket): void;
  /** Packets that were quarantined without a notice. */
  suppressed(): number;
}

/**
 * Makes a reading `quarantine/<format>` (`quarantine/unknown` where no format claims the topic) of each quarantined packet,
 * so that they can be followed like everything else. A flood of bad packets must not push good readings out of the ring: at
 * most `maxPerSecond` become a notice; the next notice says how many did not.
 */
export function createNotices(log: Pick<Log, "append">, clock: Clock, maxPerSecond = 10): Notices {
  let secondBeganAt = Number.NEGATIVE_INFINITY;
  let inSecond = 0;
  let suppressed = 0;
  let sinceNotice = 0;

  function hasRoom(): boolean {
    const now = clock.now();
    // Also when the clock was set back.
    if (Math.abs(now - secondBeganAt) >= 1_000) {
      secondBeganAt = now;
      inSecond = 0;
    }
    return inSecond++ < maxPerSecond;
  }

  return {
    announce: (packet) => {
      if (!hasRoom()) {
        suppressed++;
        sinceNotice++;
        return;
      }
      try {
        // It is a courtesy: whether it is stored changes nothing for the packet or its sender.
        log.append({ readings: [noticeOf(packet, sinceNotice)] })?.catch(() => {});
        sinceNotice = 0;
      } catch {
        suppressed++;
      }
    },
    suppressed: () => suppressed,
  };
}

function noticeOf(packet: QuarantinedPacket, suppressed: number): Reading {
  const { topic, client, format, reason, receivedAt, payload } = packet;
  const values: Values = { topic: clip(topic), reason: clip(reason), bytes: payload.length };
  if (client !== null) values["client"] = clip(client);
  if (suppressed > 0) values["suppressed"] = suppressed;
  return { domain: "quarantine", device: format ?? "unknown", time: receivedAt, values };
}

function clip(text: string): string {
  return text.length <= maxTextChars ? text : `${text.slice(0, maxTextChars)}…`;
}
