import { testEngine } from "./engine-suite.ts";
import { memoryKind, sqliteKind } from "./place.ts";

testEngine(sqliteKind);
testEngine(memoryKind);
