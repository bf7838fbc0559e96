import { startWs } from "../../src/stream/transports/ws.ts";
import { repliesSuite } from "./replies-suite.ts";

repliesSuite("ws", startWs);
