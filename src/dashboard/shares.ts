import { type Signal, signal } from "@preact/signals";
import { askGateway } from "./ask.ts";

/** A link that shows one device's way to whoever has it. */
export interface SharedLink {
  readonly id: number;
  readonly topic: string;
  /** When it ends, epoch milliseconds. */
  readonly expires: number;
}

interface Answer {
  readonly id: number;
  readonly topic: string;
  readonly expires: string;
}

/** The links that are valid, as the gateway knew them last: they are no readings, so they are asked for. */
export class SharedLinks {
  /** Null until they are known. */
  readonly list: Signal<readonly SharedLink[] | null> = signal(null);

  /** @throws Error with the reason */
  async refresh(): Promise<void> {
    const { shares } = (await askGateway("GET", "/api/v1/shares")) as { readonly shares: readonly Answer[] };
    this.list.value = shares.map(({ id, topic, expires }) => ({ id, topic, expires: Date.parse(expires) }));
  }

  /**
   * Makes a link to what a topic shows from `from` on (`-1h`; now if null), good for as long as `expiresIn` says (`2h`).
   * @returns its URL, which the gateway tells this once
   * @throws Error with the gateway's reason
   */
  async create(topic: string, from: string | null, expiresIn: string): Promise<string> {
    const query = { topic, expiresIn, ...(from !== null && { from }) };
    const { url } = (await askGateway("POST", "/api/v1/shares", query)) as { readonly url: string };
    this.refresh().catch(() => {});
    return url;
  }

  /** Takes a link back. @throws Error with the gateway's reason */
  async revoke(id: number): Promise<void> {
    await askGateway("DELETE", `/api/v1/shares/${id}`);
    await this.refresh();
  }
}
