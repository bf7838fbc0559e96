import { startWs } from "../../src/stream/transports/ws.ts";
import { sessionSuite } from "./session-suite.ts";

sessionSuite("ws", startWs);
