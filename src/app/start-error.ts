/** The gateway cannot start for a reason that its operator can mend; the message says what to do, in one line. */
export class StartError extends Error {
  override readonly name = "StartError";
}

/** What is wrong with an address to listen on, by the code of the system's error. */
const listenProblems: Readonly<Record<string, (port: number, host: string) => string>> = {
  EADDRINUSE: (port, host) =>
    `port ${port} of ${host} is taken by another program: stop that, or set another port`,
  EACCES: (port, host) => `port ${port} of ${host} is not allowed to this user: set one above 1023`,
  EADDRNOTAVAIL: (_port, host) =>
    `${host} is no address of this machine: set another \`host\`, or another port`,
  ENOTFOUND: (_port, host) => `there is no host ${host}: set another \`host\`, or another port`,
};

/**
 * Runs `listen`; what keeps it from listening becomes a StartError that names the keys to change.
 * @param key `mqtt.port` or `http.port`
 */
export async function listenAs<Server>(
  key: "mqtt.port" | "http.port",
  { host, port }: { readonly host: string; readonly port: number },
  listen: () => Promise<Server>,
): Promise<Server> {
  try {
    return await listen();
  } catch (error) {
    const { message, code = "" } = error as NodeJS.ErrnoException;
    // uWebSockets.js tells no code; its transport writes the likely one into the message.
    const known = listenProblems[code] ?? listenProblems[/^listen (E[A-Z]+): /.exec(message)?.[1] ?? ""];
    if (!known) throw error;
    const flag = `--${key.replace(".", "-")}`;
    const variable = `FIELDCAST_${key.replace(".", "_").toUpperCase()}`;
    throw new StartError(`${known(port, host)} (\`${key}\`, ${flag} or ${variable})`, { cause: error });
  }
}

/** Runs `open`; what keeps the log's file from being opened becomes a StartError that names the key to change. */
export async function openAs<Log>(open: () => Promise<Log>): Promise<Log> {
  try {
    return await open();
  } catch (error) {
    const { message } = error as Error;
    throw new StartError(`${message}; the folder is set by \`dataDir\`, --data-dir or FIELDCAST_DATA_DIR`, {
      cause: error,
    });
  }
}
