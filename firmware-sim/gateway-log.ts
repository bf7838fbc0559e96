/** Where a gateway that has become ready can be reached from this machine. */
export interface Ready {
  /** `http://127.0.0.1:8080/` */
  readonly http: string;
  /** `mqtt://127.0.0.1:1883` */
  readonly mqtt: string;
}

/** A line that the gateway logs; levels are pino's: 40 is a warning, 60 the end. */
interface Line {
  readonly level: number;
  readonly msg: string;
  readonly err?: unknown;
  readonly mqtt?: string;
}

const [warnLevel, fatalLevel] = [40, 60];

/**
 * Reads what the gateway of the demo logs: that it is ready and where, which no other program on the same port can say; and
 * what is wrong, which is shown as sentences. Whoever asked for more sees every line.
 */
export class GatewayLog {
  /** The level at which the gateway has to log. */
  readonly level: string;
  /** Resolves when the gateway says that it is ready. */
  readonly ready: Promise<Ready>;
  /** Why the gateway cannot go on, null if it said nothing of the kind. */
  lastWords: string | null = null;
  readonly #showsAll: boolean;
  #becomeReady: (ready: Ready) => void = () => {};

  /** @param wanted the log level that the user asked for; empty for none */
  constructor(wanted: string) {
    this.#showsAll = ["trace", "debug", "info"].includes(wanted);
    this.level = this.#showsAll ? wanted : "info";
    this.ready = new Promise((resolve) => {
      this.#becomeReady = resolve;
    });
  }

  take(text: string): void {
    const line = parseLine(text);
    const http = / is ready: (http:\S+)/.exec(line?.msg ?? "")?.[1];
    if (http !== undefined && line?.mqtt !== undefined) {
      this.#becomeReady({ http: fromHere(http), mqtt: fromHere(line.mqtt) });
    }
    if (line === null || this.#showsAll || line.err !== undefined) console.log(text);
    else if (line.level >= fatalLevel) this.lastWords = line.msg.replace(/^cannot start: /, "");
    else if (line.level >= warnLevel) console.error(`! ${line.msg}`);
  }
}

function parseLine(text: string): Line | null {
  try {
    const line = JSON.parse(text) as Partial<Line> | null;
    return typeof line?.msg === "string" && typeof line.level === "number" ? (line as Line) : null;
  } catch {
    return null;
  }
}

/** A gateway that listens everywhere is reached on loopback. */
function fromHere(url: string): string {
  return url.replace(/\/\/(0\.0\.0\.0|\[::\])(?=[:/])/, "//127.0.0.1");
}
