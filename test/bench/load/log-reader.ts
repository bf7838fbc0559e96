import { encode } from "@msgpack/msgpack";
import { Dictionary, decodeBinaryFrame } from "../../../src/wire/frames.ts";
import { FrameReader } from "./frames.ts";
import { openSocket } from "./socket.ts";
import { clientFrame, HandshakeReader, opcodes, upgradeRequest } from "./websocket.ts";

export interface LoggedReading {
  readonly seq: number;
  readonly topic: string;
}

/** Every reading in the log up to its head, as a subscriber from its first cursor is sent it. */
export async function readWholeLog(port: number): Promise<LoggedReading[]> {
  const ready = await fetch(`http://127.0.0.1:${port}/readyz`);
  const { head, epoch } = (await ready.json()) as { head: number; epoch: string };
  return new Promise((resolve, reject) => {
    const log: LoggedReading[] = [];
    const request = { type: "subscribe", id: 1, filter: "#", from: { cursor: `${epoch}:0` } };
    const dictionary = new Dictionary();
    const handshake = new HandshakeReader();
    let isOpen = false;
    const finish = () => {
      resolve(log);
      socket.destroy();
    };
    const frames = new FrameReader((opcode, payload) => {
      if (opcode === opcodes.ping) socket.write(clientFrame(opcodes.pong, new Uint8Array(0)));
      if (opcode !== opcodes.binary) return;
      const message = decodeBinaryFrame(payload, dictionary);
      if (message?.type === "gap" || message?.type === "error") reject(new Error(JSON.stringify(message)));
      if (message?.type !== "readings") return;
      for (const { seq, topic } of message.readings) log.push({ seq, topic });
      if (log.length >= head) finish();
    });
    const socket = openSocket(
      port,
      (chunk, end) => {
        const start = isOpen ? 0 : handshake.push(chunk, end);
        if (start < 0) return;
        if (!isOpen) socket.write(clientFrame(opcodes.binary, encode(request)));
        isOpen = true;
        frames.push(chunk, start, end);
      },
      (reason) => reject(new Error(reason)),
    );
    socket.write(upgradeRequest("/stream", "fieldcast.v1.msgpack"));
    if (head === 0) finish();
  });
}
