import { useEffect, useRef, useState } from "preact/hooks";
import { copyFrom } from "../copy.ts";
import type { Page } from "../page.ts";
import { Field, Problem } from "./field.tsx";

/** What a link shows of the way that is behind: for the form, and for the gateway. */
const beginnings = {
  now: "from now on",
  "-1h": "the last hour, and on",
  "-24h": "the last 24 hours, and on",
};
const spans = { "1h": "1 hour", "8h": "8 hours", "24h": "24 hours", "7d": "7 days", "31d": "31 days" };

interface ShareDialogProps {
  readonly page: Page;
  readonly topic: string;
  readonly name: string;
  readonly onClose: () => void;
}

/** Makes a link that shows a device's way, and gives it to be copied; a dialog that is open as long as it is there. */
export function ShareDialog({ page, topic, name, onClose }: ShareDialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [url, setUrl] = useState("");
  const [problem, setProblem] = useState("");
  useEffect(() => dialog.current?.showModal(), []);
  const create = (form: FormData) => {
    const from = String(form.get("from"));
    setProblem("");
    page.shares
      .create(topic, from === "now" ? null : from, String(form.get("span")))
      .then(setUrl, (error: Error) => setProblem(error.message));
  };
  return (
    <dialog class="dialog" ref={dialog} aria-labelledby="share" onClose={onClose}>
      <h2 id="share">Share where {name} is</h2>
      {url === "" ? (
        <form
          onSubmit={(event) => {
            event.preventDefault();
            create(new FormData(event.currentTarget));
          }}
        >
          <p>Whoever has the link sees this device's way, live, and nothing else.</p>
          <div class="fields">
            <Choice label="The link shows" name="from" options={beginnings} />
            <Choice label="It is good for" name="span" options={spans} />
          </div>
          <Problem words={problem} />
          <div class="dialog-buttons">
            <button class="text-button" type="button" onClick={onClose}>
              Cancel
            </button>
            <button class="button" type="submit">
              Make the link
            </button>
          </div>
        </form>
      ) : (
        <MadeLink url={url} onClose={onClose} />
      )}
    </dialog>
  );
}

function Choice({ label, name, options }: { label: string; name: string; options: Record<string, string> }) {
  return (
    <Field label={label}>
      <select name={name}>
        {Object.entries(options).map(([value, words]) => (
          <option key={value} value={value}>
            {words}
          </option>
        ))}
      </select>
    </Field>
  );
}

function MadeLink({ url, onClose }: { url: string; onClose: () => void }) {
  const field = useRef<HTMLInputElement>(null);
  const [note, setNote] = useState("");
  useEffect(() => field.current?.select(), []);
  const copy = async () => {
    const isCopied = await copyFrom(field.current as HTMLInputElement);
    setNote(isCopied ? "Copied." : "This browser does not let pages copy: press Ctrl+C.");
  };
  return (
    <>
      <p>Copy it now: the gateway does not keep it, and cannot show it again.</p>
      <input ref={field} class="made-link" aria-label="The link" readOnly value={url} />
      <p role="status">{note}</p>
      <div class="dialog-buttons">
        <a class="text-button" href={url} target="_blank" rel="noreferrer">
          Open it
        </a>
        <button class="text-button" type="button" onClick={onClose}>
          Close
        </button>
        <button class="button" type="button" onClick={() => void copy()}>
          Copy the link
        </button>
      </div>
    </>
  );
}
