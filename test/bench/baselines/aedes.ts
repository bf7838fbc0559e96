import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { Aedes } from "aedes";

/** Bare Aedes: gives each message to `onMessage` and sends it to nobody. Returns the port. */
export async function startAedes(onMessage: (topic: string, payload: Buffer) => void): Promise<number> {
  const broker = new Aedes({
    authorizePublish: (_client, { topic, payload }, done) => {
      onMessage(topic, payload as Buffer);
      done(null);
    },
  });
  await broker.listen();
  const server = createServer({ noDelay: true }, broker.handle);
  server.listen({ port: 0, host: "127.0.0.1", backlog: 4_096 });
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}
