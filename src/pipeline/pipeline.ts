import { type Log, TooManyTopics, UnstorableReading } from "../log/contract.ts";
import type { Decoded, Packet, QuarantinedPacket, Reply } from "../model/packet.ts";
import type { Reading } from "../model/reading.ts";
import { checkReadings } from "./check.ts";

/** Finds who reads a topic; null if nobody does. */
export type Route = (
  topic: string,
) => { readonly name: string; readonly decode: (packet: Packet) => Decoded } | null;

/** Hears of packets and what was read of them. */
export type OnReadings = (packet: Packet, readings: readonly Reading[]) => void;

/** What went through, for metrics. Only grows. */
export interface PipelineCounts {
  packets: number;
  readings: number;
  quarantined: number;
  /** Packets that had nothing to say: status messages, last wills, commands. */
  silent: number;
  /** Packets that formats will need again after a restart. */
  remembered: number;
  /** Messages to devices. */
  replies: number;
}

export interface Pipeline {
  /**
   * Takes a packet through the whole path. The promise resolves when everything it had to say is committed, in the order
   * of the calls; null means there is nothing to wait for.
   * @throws LogUnavailable (as rejection) when the log did not take it: it must not be acknowledged
   */
  ingest(packet: Packet): Promise<void> | null;
  /**
   * The same for a sender who wants to know what came of it: resolves to the reason why the packet (or a part of it) went
   * to quarantine, null if nothing was wrong.
   * @throws LogUnavailable (as rejection) as `ingest`
   */
  publish(packet: Packet): Promise<string | null>;
  /** Keeps a packet that is for no format in the quarantine; the promise is that of `ingest`. */
  readonly quarantine: (packet: Packet, reason: string) => Promise<void> | null;
  /**
   * Gives the formats what they knew before the restart: decodes what the log remembers, without storing or answering
   * anything. Call it once, before the first packet. Returns how many packets that were.
   */
  recall(): number;
  readonly counts: Readonly<PipelineCounts>;
}

/**
 * The hot path: decode → check → sequence and commit (the log) → publish (the log's listeners).
 * @param onQuarantined told of each packet that was handed to the quarantine; must not throw
 * @param reply sends a format's answer to the devices; called after the commit, must not throw
 * @param onReadings told of each packet that had readings, before they are committed; must not throw
 */
export function createPipeline(
  route: Route,
  log: Log,
  onQuarantined: (packet: QuarantinedPacket) => void = () => {},
  reply: (message: Reply) => void = () => {},
  onReadings: OnReadings = () => {},
): Pipeline {
  return new PacketPipeline(route, log, onQuarantined, reply, onReadings);
}

class PacketPipeline implements Pipeline {
  readonly counts: PipelineCounts = {
    packets: 0,
    readings: 0,
    quarantined: 0,
    silent: 0,
    remembered: 0,
    replies: 0,
  };
  readonly #route: Route;
  readonly #log: Log;
  readonly #onQuarantined: (packet: QuarantinedPacket) => void;
  readonly #reply: (message: Reply) => void;
  readonly #onReadings: OnReadings;
  /** Of the packet at hand; a packet is handed to the log in one go, so no other can come between. */
  #reasonAtHand: string | null = null;

  constructor(
    route: Route,
    log: Log,
    onQuarantined: (packet: QuarantinedPacket) => void,
    reply: (message: Reply) => void,
    onReadings: OnReadings,
  ) {
    this.#onReadings = onReadings;
    this.#route = route;
    this.#log = log;
    this.#onQuarantined = onQuarantined;
    this.#reply = reply;
  }

  readonly ingest = (packet: Packet): Promise<void> | null => {
    this.counts.packets++;
    const format = this.#route(packet.topic);
    if (!format)
      return this.#store(packet, nothing, quarantined(packet, null, "no format reads this topic"), nothing);
    const decoded = format.decode(packet);
    const committed = this.#commit(packet, format.name, decoded);
    const { replies } = decoded;
    if (replies !== undefined && replies.length > 0) this.#answer(replies, committed);
    return committed;
  };

  readonly publish = async (packet: Packet): Promise<string | null> => {
    this.#reasonAtHand = null;
    const committed = this.ingest(packet);
    const reason = this.#reasonAtHand;
    await committed;
    return reason;
  };

  readonly quarantine = (packet: Packet, reason: string): Promise<void> | null => {
    this.counts.packets++;
    return this.#store(packet, nothing, quarantined(packet, null, reason), nothing);
  };

  recall(): number {
    const packets = this.#log.remembered();
    for (const packet of packets) this.#route(packet.topic)?.decode(packet);
    return packets.length;
  }

  #commit(packet: Packet, format: string, decoded: Decoded): Promise<void> | null {
    const { good, problem } = checkReadings(decoded.readings);
    const reason = decoded.rejected ?? problem;
    const remember = decoded.remember ? [packet] : nothing;
    if (reason === null && good.length === 0) this.counts.silent++;
    if (good.length > 0) this.#onReadings(packet, good);
    try {
      return this.#store(
        packet,
        good,
        reason === null ? null : quarantined(packet, format, reason),
        remember,
      );
    } catch (error) {
      if (!isRefusal(error)) throw error;
      return this.#storeSingly(good, reason, packet, format, remember);
    }
  }

  #store(
    { receivedAt, isAwaited = true }: Packet,
    readings: readonly Reading[],
    quarantine: QuarantinedPacket | null,
    remember: readonly Packet[],
  ): Promise<void> | null {
    const committed = this.#log.append(
      quarantine === null
        ? { readings, remember, cameAt: receivedAt, isAwaited }
        : { readings, remember, cameAt: receivedAt, quarantine: [quarantine] },
    );
    this.counts.readings += readings.length;
    this.counts.remembered += remember.length;
    if (quarantine !== null) {
      this.counts.quarantined++;
      this.#reasonAtHand = quarantine.reason;
      this.#onQuarantined(quarantine);
    }
    return committed;
  }

  // A reading that the log cannot keep does not take its neighbours with it.
  #storeSingly(
    readings: readonly Reading[],
    reason: string | null,
    packet: Packet,
    format: string,
    remember: readonly Packet[],
  ): Promise<void> {
    let problem = reason;
    const commits: (Promise<void> | null)[] = [];
    for (const reading of readings) {
      try {
        commits.push(this.#store(packet, [reading], null, nothing));
      } catch (error) {
        if (!isRefusal(error)) throw error;
        problem ??= error.message;
      }
    }
    const quarantine = problem === null ? null : quarantined(packet, format, problem);
    if (quarantine !== null || remember.length > 0)
      commits.push(this.#store(packet, nothing, quarantine, remember));
    return Promise.all(commits).then(() => {});
  }

  // Beside the packet's own promise, so that acknowledgements keep their order. After a failed commit the packet comes
  // again, and is answered then.
  #answer(replies: readonly Reply[], committed: Promise<void> | null): void {
    const send = () => {
      this.counts.replies += replies.length;
      for (const message of replies) this.#reply(message);
    };
    if (committed === null) send();
    else committed.then(send, () => {});
  }
}

const nothing: readonly never[] = [];

function isRefusal(error: unknown): error is TooManyTopics | UnstorableReading {
  return error instanceof TooManyTopics || error instanceof UnstorableReading;
}

function quarantined(packet: Packet, format: string | null, reason: string): QuarantinedPacket {
  const { topic, payload, receivedAt, client } = packet;
  return { topic, payload, receivedAt, client, format, reason };
}
