import type { Logger } from "../observe/log.ts";
import type { StartTransport } from "./transport.ts";

export type TransportChoice = "auto" | "uws" | "ws";

/**
 * The transport to serve with. `auto` takes uWebSockets.js where its native library loads and `ws` elsewhere, with one
 * warning that says why.
 * @throws Error when `uws` was asked for and does not load here
 */
export async function chooseTransport(choice: TransportChoice, logger: Logger): Promise<StartTransport> {
  if (choice !== "ws") {
    try {
      const { loadUws, startUws } = await import("./transports/uws.ts");
      loadUws();
      return startUws;
    } catch (error) {
      const reason = (error as Error).message.split("\n", 1)[0];
      if (choice === "uws") {
        throw new Error(
          `uWebSockets.js does not load on this machine (${reason}); set \`transport: auto\` or \`ws\``,
        );
      }
      logger.warn(
        { reason },
        "uWebSockets.js does not load on this machine; serving with the slower ws transport",
      );
    }
  }
  return (await import("./transports/ws.ts")).startWs;
}
