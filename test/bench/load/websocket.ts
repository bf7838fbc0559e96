/** The little of RFC 6455 that the load generator needs, on bytes. */

/** The client's half of the handshake. The key is constant: nobody checks its randomness. */
export function upgradeRequest(path: string, subprotocol: string | null): Buffer {
  const lines = [
    `GET ${path} HTTP/1.1`,
    "Host: 127.0.0.1",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
    ...(subprotocol === null ? [] : [`Sec-WebSocket-Protocol: ${subprotocol}`]),
  ];
  return Buffer.from(`${lines.join("\r\n")}\r\n\r\n`);
}

export const opcodes = { text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** A client's frame. Its mask is zero, which is legal and leaves the payload as it is. Up to 65,535 bytes. */
export function clientFrame(opcode: number, payload: Uint8Array): Buffer {
  const isShort = payload.length < 126;
  const header = isShort
    ? [0x80 | opcode, 0x80 | payload.length]
    : [0x80 | opcode, 0x80 | 126, payload.length >> 8, payload.length & 0xff];
  return Buffer.concat([Buffer.from([...header, 0, 0, 0, 0]), payload]);
}

/** Finds the end of the HTTP answer in a stream that may be cut anywhere. */
export class HandshakeReader {
  #head = "";

  /**
   * Takes bytes until the head is complete; returns where the frames begin in this chunk, or -1 if it goes on.
   * @throws Error when the answer is not 101
   */
  push(chunk: Buffer, end: number): number {
    const before = this.#head.length;
    this.#head += chunk.toString("latin1", 0, end);
    const stop = this.#head.indexOf("\r\n\r\n");
    if (stop < 0) return -1;
    const [status = ""] = this.#head.split("\r\n", 1);
    if (!status.startsWith("HTTP/1.1 101")) throw new Error(`no WebSocket: the server answered "${status}"`);
    return stop + 4 - before;
  }
}

/** Counts the frames in a stream of bytes that may be cut anywhere. Payloads are skipped, not looked at. */
export class FrameScanner {
  /** Data frames, without pings and pongs. */
  frames = 0;
  readonly #onPing: () => void;
  readonly #header = new Uint8Array(10);
  #have = 0;
  #left = 0;

  constructor(onPing: () => void) {
    this.#onPing = onPing;
  }

  /** Takes the bytes of `chunk` from `start` to `end`. @throws Error when the server closes or masks a frame */
  push(chunk: Uint8Array, start: number, end: number): void {
    let at = start;
    while (at < end) {
      if (this.#left > 0) {
        const taken = Math.min(this.#left, end - at);
        this.#left -= taken;
        at += taken;
        continue;
      }
      this.#header[this.#have++] = chunk[at++] as number;
      if (this.#have >= 2 && this.#have === this.#headerBytes()) this.#begin();
    }
  }

  #headerBytes(): number {
    const length = this.#header[1] as number;
    if (length > 127) throw new Error("the server sent a masked frame");
    if (length < 126) return 2;
    return length === 126 ? 4 : 10;
  }

  #begin(): void {
    const view = new DataView(this.#header.buffer);
    const length = view.getUint8(1);
    if (length < 126) this.#left = length;
    else this.#left = length === 126 ? view.getUint16(2) : Number(view.getBigUint64(2));
    this.#have = 0;
    const opcode = view.getUint8(0) & 0x0f;
    if (opcode === opcodes.close) throw new Error("the server closed the connection");
    if (opcode === opcodes.ping) this.#onPing();
    else if (opcode !== opcodes.pong) this.frames++;
  }
}
