import { startUws } from "../../src/stream/transports/uws.ts";
import { eventsSuite } from "./events-suite.ts";

eventsSuite("uws", startUws);
