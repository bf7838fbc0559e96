import { startUws } from "../../src/stream/transports/uws.ts";
import { repliesSuite } from "./replies-suite.ts";

repliesSuite("uws", startUws);
