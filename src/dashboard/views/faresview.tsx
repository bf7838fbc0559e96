import { formatChange, formatMoney } from "../money.ts";
import type { Page } from "../page.ts";
import { type RouteFare, routeFaresOf, shareOf } from "./fares.ts";
import { More, maxListRows, Section } from "./parts.tsx";
import { isMeant } from "./values.ts";
import { watchesOf } from "./watches.ts";
import { WatchList } from "./watchlist.tsx";

/** What flights cost now and what is usual, and the prices that somebody waits for. */
export function FaresView({ page }: { page: Page }) {
  void page.now.value;
  const rows = page.insights.of("watches");
  const known = routeFaresOf(rows.values());
  const fares = known.filter(({ name, flight }) => isMeant(page.filter.value, name, flight));
  const watches = watchesOf(rows.values(), navigator.language).filter(({ name }) =>
    isMeant(page.filter.value, name),
  );
  return (
    <>
      <Section title="Routes" summary={fares.length} empty={fares.length === 0 ? "No quotes yet." : null}>
        <ul class="items">
          {fares.slice(0, maxListRows).map((fare) => (
            <FareRow key={fare.topic} fare={fare} />
          ))}
        </ul>
        <More total={fares.length} />
      </Section>
      <WatchList page={page} watches={watches} fares={known} />
    </>
  );
}

function FareRow({ fare }: { fare: RouteFare }) {
  const { name, cabin, flight, departs, amountMinor } = fare;
  return (
    <li class="item fare" data-topic={fare.topic}>
      <div class="item-main">
        <strong>{name}</strong>
        <span class="item-sub">{[cabin, flight, departs].filter(Boolean).join(" · ")}</span>
      </div>
      <PriceRange fare={fare} />
      <div class="fare-now">
        <strong>{amountMinor === null ? "no offer" : moneyOf(fare, amountMinor)}</strong>
        <span class="item-sub">
          <Change fare={fare} />
        </span>
      </div>
    </li>
  );
}

function Change({ fare: { changeMinor, changePct, exponent } }: { fare: RouteFare }) {
  if (changeMinor === null || changeMinor === 0) return <>–</>;
  const isUp = changeMinor > 0;
  return (
    <span class="change" data-change={isUp ? "up" : "down"}>
      <span aria-hidden="true">{isUp ? "▲" : "▼"}</span>{" "}
      {formatChange(changeMinor, exponent, navigator.language)}
      {changePct !== null && ` (${Math.abs(changePct).toFixed(1)} %)`}
    </span>
  );
}

/** Low to high with the typical band, and where the price is. */
function PriceRange({ fare }: { fare: RouteFare }) {
  const { lowMinor, highMinor, amountMinor, typicalLowMinor, typicalHighMinor } = fare;
  const share = (amount: number | null) => shareOf(amount, lowMinor, highMinor);
  const [at, from, to] = [share(amountMinor), share(typicalLowMinor), share(typicalHighMinor)];
  if (lowMinor === null || highMinor === null) return <div class="range" />;
  const isBandKnown = from !== null && to !== null;
  const words = `low ${moneyOf(fare, lowMinor)}, high ${moneyOf(fare, highMinor)}`;
  const band =
    typicalLowMinor === null || typicalHighMinor === null
      ? ""
      : `, typically ${moneyOf(fare, typicalLowMinor)} to ${moneyOf(fare, typicalHighMinor)}`;
  return (
    <div class="range" title={words + band}>
      <div class="range-line" role="img" aria-label={words + band}>
        {isBandKnown && <i class="range-band" style={{ left: percent(from), width: percent(to - from) }} />}
        {at !== null && <i class="range-mark" style={{ left: percent(at) }} />}
      </div>
      <div class="range-ends">
        <span>{moneyOf(fare, lowMinor)}</span>
        <span class="mark-word" data-price={fare.level}>
          {fare.level === "unknown" ? "" : fare.level}
        </span>
        <span>{moneyOf(fare, highMinor)}</span>
      </div>
    </div>
  );
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)}%`;
}

function moneyOf(
  { exponent, currency }: Pick<RouteFare, "exponent" | "currency">,
  amountMinor: number,
): string {
  return formatMoney(amountMinor, exponent, currency, navigator.language);
}
