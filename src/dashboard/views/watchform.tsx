import { useRef, useState } from "preact/hooks";
import { askGateway } from "../ask.ts";
import type { RouteFare } from "./fares.ts";
import { Field, Problem } from "./field.tsx";
import { wishIn } from "./watches.ts";

const conditions = {
  below: "is below",
  above: "is above",
  dropsPct: "drops by so many %",
  risesPct: "rises by so many %",
  changesPct: "changes by so many %",
} as const;

interface WatchFormProps {
  /** Those that there are, to choose from. */
  readonly fares: readonly RouteFare[];
  readonly onClose: () => void;
  /** The name of the watch that is set now. */
  readonly onSet: (name: string) => void;
}

/** Asks for a watch on a fare: a dialog that is open as long as it is there. */
export function WatchForm({ fares, onClose, onSet }: WatchFormProps) {
  const opened = useRef(false);
  const [problem, setProblem] = useState("");
  const [isSending, setIsSending] = useState(false);
  const send = async (form: HTMLFormElement) => {
    const query = wishIn(new FormData(form));
    setProblem("");
    setIsSending(true);
    try {
      await askGateway("POST", "/api/v1/watches", query);
      onSet(query["name"] ?? "");
    } catch (error) {
      setProblem((error as Error).message.replace(/^parameter /, ""));
    }
    setIsSending(false);
  };
  const show = (dialog: HTMLDialogElement | null) => {
    if (dialog === null || opened.current) return;
    opened.current = true;
    dialog.showModal();
  };
  return (
    <dialog class="dialog" ref={show} aria-labelledby="new-watch" onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void send(event.currentTarget);
        }}
      >
        <h2 id="new-watch">Watch a price</h2>
        <WatchFields fares={fares} />
        <Problem words={problem} />
        <div class="dialog-buttons">
          <button class="text-button" type="button" onClick={onClose}>
            Cancel
          </button>
          <button class="button" type="submit" disabled={isSending}>
            Watch it
          </button>
        </div>
      </form>
    </dialog>
  );
}

function WatchFields({ fares }: Pick<WatchFormProps, "fares">) {
  const ends = fares.map(({ name }) => name.split(" → "));
  const first = fares[0];
  return (
    <div class="fields">
      <Field label="Name">
        <input name="name" required maxLength={64} placeholder="christmas" autocomplete="off" />
      </Field>
      <Field label="Currency">
        <input name="currency" required size={4} maxLength={3} defaultValue={first?.currency ?? "EUR"} />
      </Field>
      <Field label="From">
        <input name="from" required maxLength={64} list="watch-from" defaultValue={ends[0]?.[0] ?? ""} />
      </Field>
      <Field label="To">
        <input name="to" required maxLength={64} list="watch-to" defaultValue={ends[0]?.[1] ?? ""} />
      </Field>
      <Places id="watch-from" names={ends.map(([from = ""]) => from)} />
      <Places id="watch-to" names={ends.map(([, to = ""]) => to)} />
      <Field label="Tell when the price">
        <select name="condition">
          {Object.entries(conditions).map(([key, words]) => (
            <option key={key} value={key}>
              {words}
            </option>
          ))}
        </select>
      </Field>
      <Field label="How much">
        <input name="amount" required inputMode="decimal" placeholder="120" autocomplete="off" />
      </Field>
      <Field label="Flight (any if empty)">
        <input name="flight" maxLength={64} placeholder="ZZ803" autocomplete="off" />
      </Field>
      <Field label="Leaves on (any if empty)">
        <input name="departs" type="date" />
      </Field>
    </div>
  );
}

function Places({ id, names }: { id: string; names: readonly string[] }) {
  return (
    <datalist id={id}>
      {[...new Set(names)].map((name) => (
        <option key={name} value={name} />
      ))}
    </datalist>
  );
}
