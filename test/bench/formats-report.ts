import { availableParallelism } from "node:os";
import { Child, roleArgs } from "./child.ts";
import type { FormatCosts, MessageCost } from "./formats.ts";
import { formatNumber, formatTable, median } from "./table.ts";

/** What a message of a JSON format may cost at most, in JSON.parse of the same bytes. */
const maxRatio = 3;

/**
 * Measures the formats in a process of their own and prints what they cost. Returns the JSON lines. `profileDir`: where
 * V8's CPU profile goes, null for none.
 */
export async function benchFormats(rounds: number, profileDir: string | null): Promise<string[]> {
  process.stdout.write(
    "\n── formats: one message, decoded again and again, against JSON.parse of its bytes\n",
  );
  const profile = profileDir === null ? [] : ["--cpu-prof", `--cpu-prof-dir=${profileDir}`];
  const child = new Child([...profile, ...roleArgs("formats")]);
  const costs = (await child.request({ rounds })) as FormatCosts;
  await child.ended();
  process.stdout.write(`${costTable(costs)}\n\n${routingTable(costs)}\n${overLimit(costs)}\n`);
  return costLines(costs);
}

/** Messages by format, and of each format the middle. */
function summaries({ messages }: FormatCosts) {
  const names = [...new Set(messages.map(({ format }) => format))];
  return names.map((format) => {
    const own = messages.filter((one) => one.format === format);
    const json = own.filter((one): one is JsonCost => one.ratio !== null).sort((a, b) => b.ratio - a.ratio);
    return {
      format,
      count: own.length,
      bytes: median(own.map((one) => one.bytes)),
      decodeUs: median(own.map((one) => one.decodeUs)),
      parseUs: median(json.map((one) => one.parseUs)),
      ratio: median(json.map((one) => one.ratio)),
      worst: json[0],
    };
  });
}

type JsonCost = MessageCost & { readonly ratio: number; readonly parseUs: number };

function costTable(costs: FormatCosts): string {
  const header = ["", "messages", "bytes", "µs/message", "µs JSON.parse", "× JSON.parse", "worst ×", "which"];
  const rows = summaries(costs).map(({ format, count, bytes, decodeUs, parseUs, ratio, worst }) => [
    format,
    String(count),
    formatNumber(bytes),
    formatNumber(decodeUs),
    formatNumber(parseUs),
    formatNumber(ratio),
    formatNumber(worst?.ratio ?? Number.NaN),
    worst?.message ?? "–",
  ]);
  return formatTable(header, rows);
}

function routingTable({ routing }: FormatCosts): string {
  const rows = routing.map(({ contexts, newTopicUs, knownTopicUs }) => [
    `${contexts} contexts`,
    formatNumber(newTopicUs),
    formatNumber(knownTopicUs),
  ]);
  return formatTable(["finding a topic's format", "µs, new topic", "µs, known topic"], rows);
}

function overLimit({ messages }: FormatCosts): string {
  const over = messages.filter(({ ratio }) => ratio !== null && ratio > maxRatio);
  if (over.length === 0) return `no JSON message costs more than ${maxRatio} × JSON.parse`;
  const names = over.map(
    ({ format, message, ratio }) => `${format}/${message} (${formatNumber(ratio ?? 0)})`,
  );
  return `more than ${maxRatio} × JSON.parse: ${names.join(", ")}`;
}

/** One line of JSON per figure, for machines. */
function costLines(costs: FormatCosts): string[] {
  const line = (contestant: string, value: number, unit: string) =>
    JSON.stringify({
      bench: "formats",
      contestant,
      value: Number(value.toPrecision(4)),
      unit,
      "median of": costs.rounds,
      node: process.versions.node,
      cores: availableParallelism(),
    });
  const decoding = summaries(costs).flatMap(({ format, decodeUs, ratio, worst }) => [
    line(format, decodeUs, "µs/message"),
    ...(worst === undefined
      ? []
      : [line(format, ratio, "× JSON.parse"), line(format, worst.ratio, "× JSON.parse, worst message")]),
  ]);
  const routing = costs.routing.flatMap(({ contexts, newTopicUs, knownTopicUs }) => [
    line(`routing, ${contexts} contexts`, newTopicUs, "µs/new topic"),
    line(`routing, ${contexts} contexts`, knownTopicUs, "µs/known topic"),
  ]);
  return [...decoding, ...routing];
}
