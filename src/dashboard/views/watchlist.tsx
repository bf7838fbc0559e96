import { useState } from "preact/hooks";
import { askGateway } from "../ask.ts";
import { formatMoney } from "../money.ts";
import type { Page } from "../page.ts";
import { clockWords } from "../words.ts";
import type { RouteFare } from "./fares.ts";
import { maxListRows, PastNote, Section } from "./parts.tsx";
import type { Watch } from "./watches.ts";
import { WatchForm } from "./watchform.tsx";

interface WatchListProps {
  readonly page: Page;
  readonly watches: readonly Watch[];
  readonly fares: readonly RouteFare[];
}

/** The prices that somebody waits for; new ones are asked for here, and taken back. */
export function WatchList({ page, watches, fares }: WatchListProps) {
  const [isAsking, setIsAsking] = useState(false);
  const [note, setNote] = useState("");
  const fired = watches.filter(({ state }) => state === "fired").length;
  const isPast = page.timeLine.mode.value !== "live";
  const remove = (name: string) => {
    askGateway("DELETE", `/api/v1/watches/${encodeURIComponent(name)}`).then(
      () => setNote(`${name} is watched no more.`),
      (error: Error) => setNote(`${name} is still watched: ${error.message}`),
    );
  };
  const onSet = (name: string) => {
    setIsAsking(false);
    setNote(`${name} is watched.`);
  };
  return (
    <Section title="Watches" summary={`${fired} of ${watches.length} fired`}>
      {watches.length === 0 && <p class="nothing">Nobody waits for a price.</p>}
      <ul class="items">
        {watches.slice(0, maxListRows).map((watch) => (
          <WatchRow key={watch.name} watch={watch} now={page.now.value} isPast={isPast} onRemove={remove} />
        ))}
      </ul>
      <div class="list-foot">
        <button class="button" type="button" disabled={isPast} onClick={() => setIsAsking(true)}>
          Watch a price
        </button>
        <span role="status">{note}</span>
      </div>
      <PastNote page={page} words="You see the past: to set or remove watches, go back to live." />
      {isAsking && <WatchForm fares={fares} onClose={() => setIsAsking(false)} onSet={onSet} />}
    </Section>
  );
}

interface WatchRowProps {
  readonly watch: Watch;
  readonly now: number;
  readonly isPast: boolean;
  readonly onRemove: (name: string) => void;
}

function WatchRow({ watch, now, isPast, onRemove }: WatchRowProps) {
  const { name, state, route, waitsFor, stands, toldAt, isAsked } = watch;
  return (
    <li class="item" data-watch={name} data-fired={state === "fired"}>
      <span class={state === "fired" ? "mark-word good" : "mark-word"}>{state}</span>
      <div class="item-main">
        <strong>{name}</strong>
        <span class="item-sub">{[route, `waits for ${waitsFor}`].filter(Boolean).join(": ")}</span>
        <span class="item-sub">{toldAt === null ? stands : `at ${clockWords(toldAt, now)}: ${stands}`}</span>
      </div>
      <span class="item-time">{firedWords(watch, now)}</span>
      {isAsked && (
        <button
          class="button"
          type="button"
          aria-label={`Remove the watch ${name}`}
          disabled={isPast}
          onClick={() => onRemove(name)}
        >
          Remove
        </button>
      )}
    </li>
  );
}

function firedWords({ fires, firedAt, firedMinor, exponent, currency }: Watch, now: number): string {
  if (firedAt === null) return "has not fired";
  const at =
    firedMinor === null ? "" : ` at ${formatMoney(firedMinor, exponent, currency, navigator.language)}`;
  return `${clockWords(firedAt, now)}${at}${fires > 1 ? `, ${fires} times` : ""}`;
}
