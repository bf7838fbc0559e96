import { formatChange, formatMoney } from "./money.ts";
import { isExpired } from "./quote.ts";
import type { Thing } from "./thing.ts";
import { congestionLevel, delayTone, delayWords, powerQuantity, type Quantity } from "./words.ts";

interface RowValueProps {
  readonly thing: Thing;
  readonly now: number;
  readonly scaleW: number;
}

/** The value that a domain is about, with its unit. */
export function RowValue({ thing, now, scaleW }: RowValueProps) {
  switch (thing.domain) {
    case "gps":
      return <span class="value">{quantity(speed(thing))}</span>;
    case "energy":
      return <Power thing={thing} scaleW={scaleW} />;
    case "road":
      return <Traffic thing={thing} />;
    case "transit":
      return <Delay thing={thing} />;
    case "fare":
      return <Price thing={thing} now={now} />;
  }
}

/** What a row says in small letters beside its name. */
export function rowSubtitle(thing: Thing): string {
  switch (thing.domain) {
    case "transit": {
      const routeId = thing.text("routeId");
      return routeId === null ? "" : `route ${routeId}`;
    }
    case "fare":
      return thing.key.split("/")[1] ?? "";
    default:
      return "";
  }
}

function speed(thing: Thing): Quantity | null {
  const speedKmh = thing.number("speedKmh");
  return speedKmh === null ? null : { number: String(Math.round(speedKmh)), unit: "km/h" };
}

function quantity(shown: Quantity | null) {
  if (!shown) return <span class="unit">—</span>;
  return (
    <>
      {shown.number} <span class="unit">{shown.unit}</span>
    </>
  );
}

function Power({ thing, scaleW }: { thing: Thing; scaleW: number }) {
  const powerW = thing.number("powerW");
  if (powerW === null) return <span class="value">{quantity(otherEnergy(thing))}</span>;
  const share = scaleW > 0 ? Math.min(1, Math.abs(powerW) / scaleW) : 0;
  return (
    <span class="value">
      <span class={powerW < 0 ? "bar export" : "bar"} aria-hidden="true">
        <span style={{ transform: `scaleX(${share.toFixed(3)})` }} />
      </span>
      <span class="figure">{quantity(powerQuantity(powerW))}</span>
    </span>
  );
}

/** Meters that tell no power have a counter or a voltage. */
function otherEnergy(thing: Thing): Quantity | null {
  const importWh = thing.number("energyImportWh");
  if (importWh !== null) return { number: (importWh / 1000).toFixed(1), unit: "kWh" };
  const voltageV = thing.number("voltageV");
  return voltageV === null ? null : { number: voltageV.toFixed(1), unit: "V" };
}

function Traffic({ thing }: { thing: Thing }) {
  const level = congestionLevel(thing.value("congestionLevel"));
  const ratio = thing.number("speedRatio");
  const share = Math.max(0.04, Math.min(1, ratio ?? (level === "unknown" ? 0 : 1)));
  return (
    <span class="value">
      <span class="bar" data-level={level} title={level} role="img" aria-label={`traffic ${level}`}>
        <span style={{ transform: `scaleX(${share.toFixed(3)})` }} />
      </span>
      <span class="figure">{quantity(speed(thing) ?? flow(thing))}</span>
    </span>
  );
}

function flow(thing: Thing): Quantity | null {
  const flowVph = thing.number("flowVph");
  return flowVph === null ? null : { number: String(Math.round(flowVph)), unit: "veh/h" };
}

function Delay({ thing }: { thing: Thing }) {
  const delayS = thing.number("delayS");
  if (delayS === null) return <span class="value">{quantity(speed(thing))}</span>;
  return (
    <span class="value">
      <span class="delay" data-tone={delayTone(delayS)}>
        {delayWords(delayS)}
      </span>
    </span>
  );
}

function Price({ thing, now }: { thing: Thing; now: number }) {
  const { quote } = thing;
  if (!quote) return <span class="value">{quantity(null)}</span>;
  const { amountMinor, previousMinor, exponent, currency } = quote;
  const change = previousMinor === null ? 0 : amountMinor - previousMinor;
  const isOver = isExpired(quote, now);
  return (
    <span class={isOver ? "value expired" : "value"}>
      {isOver && <span class="tag">expired</span>}
      {change !== 0 && !isOver && (
        <span class="change" data-change={change > 0 ? "up" : "down"}>
          <span aria-hidden="true">{change > 0 ? "▲" : "▼"}</span>{" "}
          {formatChange(change, exponent, navigator.language)}
        </span>
      )}
      <span class="figure">{formatMoney(amountMinor, exponent, currency, navigator.language)}</span>
    </span>
  );
}
