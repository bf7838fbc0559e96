import { useRef, useState } from "preact/hooks";
import type { Page } from "../page.ts";
import { clockWords, spanWords } from "../words.ts";
import { acknowledge, readPerson, writePerson } from "./acknowledge.ts";
import { type Alert, type AlertState, alertStates, alertsOf } from "./alerts.ts";
import { More, maxListRows, PastNote, Section } from "./parts.tsx";
import { isMeant } from "./values.ts";

const titles: Readonly<Record<AlertState, string>> = {
  firing: "Firing",
  acknowledged: "Acknowledged",
  pending: "Pending",
  resolved: "Resolved",
};
/** What is over is of less interest. */
const maxResolved = 20;

/** Everything that somebody should look at, and who knows of it. */
export function AlertsView({ page }: { page: Page }) {
  void page.now.value;
  const dialog = useRef<HTMLDialogElement>(null);
  const [asked, setAsked] = useState<Alert | null>(null);
  const [person, setPerson] = useState(readPerson);
  const [problem, setProblem] = useState("");
  const send = (alert: Alert, by: string) => {
    setProblem("");
    acknowledge(alert, by).catch((error: Error) => setProblem(`${alert.text}: ${error.message}`));
  };
  const ask = (alert: Alert | null) => {
    setAsked(alert);
    dialog.current?.showModal();
  };
  const onAcknowledge = (alert: Alert) => (person === "" ? ask(alert) : send(alert, person));
  const onName = (name: string) => {
    writePerson(name);
    setPerson(name);
    if (asked) send(asked, name);
    setAsked(null);
  };
  const alerts = alertsOf(page.insights.of("alerts").values()).filter((alert) =>
    isMeant(page.filter.value, alert.text, alert.about, alert.severity),
  );
  return (
    <>
      <p class="view-note" role="status">
        {problem}
      </p>
      <PastNote page={page} words="You see the past: to acknowledge alerts, go back to live." />
      {alertStates.map((state) => (
        <AlertList key={state} page={page} state={state} alerts={alerts} onAcknowledge={onAcknowledge} />
      ))}
      {person !== "" && (
        <p class="view-note">
          You acknowledge as <strong>{person}</strong>.{" "}
          <button class="text-button" type="button" onClick={() => ask(null)}>
            Change the name
          </button>
        </p>
      )}
      <NameDialog dialogRef={dialog} person={person} onName={onName} />
    </>
  );
}

interface AlertListProps {
  readonly page: Page;
  readonly state: AlertState;
  readonly alerts: readonly Alert[];
  readonly onAcknowledge: (alert: Alert) => void;
}

function AlertList({ page, state, alerts, onAcknowledge }: AlertListProps) {
  const ofState = alerts.filter((alert) => alert.state === state);
  if (ofState.length === 0 && state !== "firing") return null;
  const max = state === "resolved" ? maxResolved : maxListRows;
  return (
    <Section
      title={titles[state]}
      summary={ofState.length}
      empty={ofState.length === 0 ? "Nothing fires." : null}
    >
      <ul class="items">
        {ofState.slice(0, max).map((alert) => (
          <AlertRow key={alert.topic} page={page} alert={alert} onAcknowledge={onAcknowledge} />
        ))}
      </ul>
      {state !== "resolved" && <More total={ofState.length} />}
    </Section>
  );
}

interface AlertRowProps {
  readonly page: Page;
  readonly alert: Alert;
  readonly onAcknowledge: (alert: Alert) => void;
}

function AlertRow({ page, alert, onAcknowledge }: AlertRowProps) {
  const now = page.now.value;
  const isPast = page.timeLine.mode.value !== "live";
  const { severity, state, text, about, value, acknowledgedBy } = alert;
  return (
    <li class="item alert" data-topic={alert.topic} data-severity={severity} data-state={state}>
      <span class="severity">{severity}</span>
      <div class="item-main">
        <strong>{text}</strong>
        <span class="item-sub">
          {[about, value, acknowledgedBy && `known to ${acknowledgedBy}`].filter(Boolean).join(" · ")}
        </span>
      </div>
      <span class="item-time">{timeWords(alert, now)}</span>
      {alert.id !== null && state === "firing" && (
        <button
          class="button"
          type="button"
          disabled={isPast}
          title={isPast ? "Go back to live to acknowledge" : undefined}
          onClick={() => onAcknowledge(alert)}
        >
          Acknowledge
        </button>
      )}
    </li>
  );
}

function timeWords({ since, endedAt }: Alert, now: number): string {
  if (endedAt === null) return `since ${clockWords(since, now)}, ${spanWords((now - since) / 1000)}`;
  return `${clockWords(since, now)}, for ${spanWords((endedAt - since) / 1000)}`;
}

interface NameDialogProps {
  readonly dialogRef: { readonly current: HTMLDialogElement | null };
  readonly person: string;
  readonly onName: (name: string) => void;
}

/** Asks once who is at the page. */
function NameDialog({ dialogRef, person, onName }: NameDialogProps) {
  const close = () => dialogRef.current?.close();
  return (
    <dialog class="dialog" ref={dialogRef as never} aria-labelledby="who">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          const name = String(new FormData(event.currentTarget).get("name") ?? "").trim();
          close();
          if (name !== "") onName(name);
        }}
      >
        <h2 id="who">Who are you?</h2>
        <p>Others see who has taken an alert on. This browser remembers the name.</p>
        <input
          name="name"
          aria-label="Your name"
          required
          maxLength={100}
          defaultValue={person}
          autocomplete="name"
        />
        <div class="dialog-buttons">
          <button class="text-button" type="button" onClick={close}>
            Cancel
          </button>
          <button class="button" type="submit">
            Save the name
          </button>
        </div>
      </form>
    </dialog>
  );
}
