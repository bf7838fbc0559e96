import { useState } from "preact/hooks";
import type { Value } from "../model/reading.ts";
import { courseOf } from "./hour.ts";
import { CloseIcon, DomainIcon } from "./icons.tsx";
import { LastHour } from "./lasthour.tsx";
import { formatMoney } from "./money.ts";
import type { Page } from "./page.ts";
import { isLate } from "./rhythm.ts";
import type { Thing } from "./thing.ts";
import { ShareDialog } from "./views/sharedialog.tsx";
import { ageWords, nameWords, valueWords } from "./words.ts";

/** A value is marked with its own age when it is so much older than the newest. */
const ownAgeMs = 10_000;
/** Parts and values that a card lists. */
const maxCardParts = 8;
const maxCardValues = 24;
const moneyNames = new Set(["amountMinor", "baseMinor", "taxMinor"]);

/** All that is known of the selected thing. */
export function Card({ page }: { page: Page }) {
  const key = page.selected.value;
  const thing = key === null ? undefined : page.things.get(key);
  if (!thing) return null;
  const now = page.now.value;
  const ageMs = now - thing.time;
  const course = courseOf(thing);
  const close = () => {
    page.selected.value = null;
  };
  return (
    <aside
      class="card"
      style={{ "--accent": `var(--${thing.domain})` }}
      aria-label={`Details of ${thing.name}`}
    >
      <header>
        <DomainIcon domain={thing.domain} />
        <h2>{thing.name}</h2>
        <button class="icon-button small" type="button" aria-label="Close" onClick={close}>
          <CloseIcon />
        </button>
      </header>
      <p class="card-meta">
        <code>{thing.topic}</code>
        <span class={isLate(ageMs, thing.rhythmMs) ? "age late" : "age"}>{agoWords(ageMs)}</span>
      </p>
      {thing.trail && <ShareButton key={thing.key} page={page} thing={thing} />}
      {course && <LastHour topic={course.topic} name={course.name} now={now} />}
      <div class="card-values">
        {[...thing.parts].slice(0, maxCardParts).map(([name, part]) => (
          <PartValues
            key={name}
            thing={thing}
            name={name}
            values={part.values}
            times={part.times}
            now={now}
          />
        ))}
      </div>
    </aside>
  );
}

function ShareButton({ page, thing: { topic, name } }: { page: Page; thing: Thing }) {
  const [isOpen, setIsOpen] = useState(false);
  return (
    <>
      <button class="text-button share-button" type="button" onClick={() => setIsOpen(true)}>
        Share where it is…
      </button>
      {isOpen && <ShareDialog page={page} topic={topic} name={name} onClose={() => setIsOpen(false)} />}
    </>
  );
}

interface PartProps {
  readonly thing: Thing;
  readonly name: string;
  readonly values: Readonly<Record<string, Value>>;
  readonly times: Readonly<Record<string, number>>;
  readonly now: number;
}

function PartValues({ thing, name, values, times, now }: PartProps) {
  const names = Object.keys(values).filter((key) => isListed(values[key]));
  return (
    <dl>
      {name !== "" && <div class="part">{name}</div>}
      {names.slice(0, maxCardValues).map((key) => {
        const time = times[key] ?? thing.time;
        return (
          <div key={key}>
            <dt>{moneyNames.has(key) ? key.replace("Minor", "") : nameWords(key).label}</dt>
            <dd>
              <ValueText thing={thing} name={key} value={values[key] as Value} />
              {thing.time - time > ownAgeMs && <span class="own-age">{ageWords(now - time)}</span>}
            </dd>
          </div>
        );
      })}
    </dl>
  );
}

function ValueText({ thing, name, value }: { thing: Thing; name: string; value: Value }) {
  if (thing.quote && moneyNames.has(name) && typeof value === "number") {
    return <>{formatMoney(value, thing.quote.exponent, thing.quote.currency, navigator.language)}</>;
  }
  const { number, unit } = valueWords(name, value);
  return (
    <>
      {number} <span class="unit">{unit}</span>
    </>
  );
}

function isListed(value: Value | undefined): boolean {
  return value !== undefined && value !== null && typeof value !== "object";
}

function agoWords(ageMs: number): string {
  const words = ageWords(ageMs);
  return words === "now" ? words : `${words} ago`;
}
