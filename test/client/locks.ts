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

  /** What one more tab sees. `freeze` stops it as a debugger does: what it hears and says waits until `thaw`. */
  tab(): TabPlatform & { freeze(): void; thaw(): void; crash(): void } {
    let isFrozen = false;
    const waiting: (() => void)[] = [];
    let isDead = false;
    const own = new Set<Request>();
    const locks: TabLocks = {
      request: (_name, options, callback) =>
        new Promise((resolve, reject) => {
          const request: Request = {
            start: () => {
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
          if (isDead) return;
          own.add(request);
          this.take(request, options.steal ?? false);
        }),
    };
    return {
      locks,
      openChannel: (name) => {
        const real = new BroadcastChannel(name);
        let isClosed = false;
        const channel = {
          onmessage: null as unknown,
          postMessage: (data: unknown) => {
            if (isDead) return;
            if (isFrozen) waiting.push(() => isClosed || real.postMessage(data));
            else real.postMessage(data);
          },
          close: () => {
            const close = () => {
              isClosed = true;
              real.close();
            };
            if (isFrozen && !isDead) waiting.push(close);
            else close();
          },
        };
        real.onmessage = (event) => {
          const deliver = () => (channel.onmessage as (event: unknown) => void)(event);
          if (isFrozen) waiting.push(deliver);
          else if (!isDead) deliver();
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
        isDead = true;
        for (const request of own) this.forget(request);
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

  private forget(request: Request): void {
    const at = this.queue.indexOf(request);
    if (at >= 0) this.queue.splice(at, 1);
    this.release(request);
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
