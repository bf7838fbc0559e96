import { startUws } from "../../src/stream/transports/uws.ts";
import { sessionSuite } from "./session-suite.ts";

sessionSuite("uws", startUws);
