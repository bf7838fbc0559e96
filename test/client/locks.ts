import type { TabLocks, TabPlatform } from "../../src/client/client.ts";

interface Request {
  readonly start: () => void;
  readonly rob: () => void;
}

/**
 * What a browser does for tabs (https://w3c.github.io/web-locks/), within one process: Node's own channels, and one lock
 * after the rules. A tab that crashes loses its lock without a word.
 */
export class TabHost {
  private holder: Request | null = null;
  private readonly queue: Request[] = [];

  /** What one more tab sees. `freeze` stops it as a debugger does: what it is sent waits until `thaw`. */
  tab(): TabPlatform & { freeze(): void; thaw(): void; crash(): void } {
    let isFrozen = false;
    const waiting: (() => void)[] = [];
    let own: Request | null = null;
    const locks: TabLocks = {
      request: (_name, options, callback) =>
        new Promise((resolve, reject) => {
          const request: Request = {
            start: () => {
              own = request;
              callback().then(() => {
                this.release(request);
                resolve(undefined);
              }, reject);
            },
            rob: () => reject(new DOMException("the lock was stolen", "AbortError")),
          };
          options.signal?.addEventListener("abort", () => {
            const at = this.queue.indexOf(request);
            if (at < 0) return;
            this.queue.splice(at, 1);
            reject(new DOMException("aborted", "AbortError"));
          });
          this.take(request, options.steal ?? false);
        }),
    };
    return {
      locks,
      openChannel: (name) => {
        const real = new BroadcastChannel(name);
        const channel = {
          onmessage: null as unknown,
          postMessage: (data: unknown) => isFrozen || real.postMessage(data),
          close: () => real.close(),
        };
        real.onmessage = (event) => {
          const deliver = () => (channel.onmessage as (event: unknown) => void)(event);
          if (isFrozen) waiting.push(deliver);
          else deliver();
        };
        return channel;
      },
      freeze: () => {
        isFrozen = true;
      },
      thaw: () => {
        isFrozen = false;
        for (const deliver of waiting.splice(0)) deliver();
      },
      crash: () => {
        isFrozen = true;
        if (own) this.release(own);
      },
    };
  }

  private take(request: Request, steal: boolean): void {
    if (steal) {
      this.holder?.rob();
      this.holder = null;
      this.queue.unshift(request);
    } else this.queue.push(request);
    queueMicrotask(() => this.grant());
  }

  private release(request: Request): void {
    if (this.holder !== request) return;
    this.holder = null;
    this.grant();
  }

  private grant(): void {
    if (this.holder) return;
    this.holder = this.queue.shift() ?? null;
    this.holder?.start();
  }
}
