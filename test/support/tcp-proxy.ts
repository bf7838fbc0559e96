import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** A wire between a client and a server that can be cut, or go dead without a word as a tunnel does. */
export class TcpProxy {
  private readonly server: Server;
  private readonly pairs = new Set<readonly [Socket, Socket]>();
  private dead = false;

  private constructor(targetPort: () => number) {
    this.server = createServer((client) => {
      const upstream = connect(targetPort(), "127.0.0.1");
      const pair = [client, upstream] as const;
      this.pairs.add(pair);
      const drop = () => {
        client.destroy();
        upstream.destroy();
        this.pairs.delete(pair);
      };
      const forward = (from: Socket, to: Socket) => {
        from.on("data", (data) => {
          // What a dead network swallows is gone: a later life of the wire does not deliver it.
          if (!this.dead) to.write(data);
        });
        from.on("error", drop);
        from.on("close", () => {
          if (!this.dead) drop();
        });
      };
      forward(client, upstream);
      forward(upstream, client);
    });
  }

  /** @param targetPort asked at each connection, because a restarted server may have moved */
  static async open(targetPort: () => number): Promise<TcpProxy> {
    const proxy = new TcpProxy(targetPort);
    await new Promise<void>((resolve) => proxy.server.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** Cuts every connection: both ends see a close. */
  cut(): void {
    for (const [client, upstream] of this.pairs) {
      client.destroy();
      upstream.destroy();
    }
    this.pairs.clear();
  }

  /** From now on nothing gets through and nobody is told; new connections are taken and stay mute. */
  goSilent(): void {
    this.dead = true;
  }

  /** The wire carries again; connections of the silent time are dropped. */
  recover(): void {
    this.dead = false;
    this.cut();
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
