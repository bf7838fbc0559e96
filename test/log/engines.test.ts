import { testEngine } from "./engine-suite.ts";
import { memoryKind, sqliteKind, sqliteSegmentsKind } from "./place.ts";

testEngine(sqliteKind);
testEngine(sqliteSegmentsKind);
testEngine(memoryKind);
