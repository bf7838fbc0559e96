import { startWs } from "../../src/stream/transports/ws.ts";
import { eventsSuite } from "./events-suite.ts";

eventsSuite("ws", startWs);
