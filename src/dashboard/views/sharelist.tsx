import { useEffect, useState } from "preact/hooks";
import type { Page } from "../page.ts";
import { plainId } from "../topics.ts";
import { clockWords } from "../words.ts";
import { Section } from "./parts.tsx";

/** Others can make links as well. */
const refreshMs = 30_000;

/** The links to devices' ways that are valid, each to be taken back. */
export function ShareList({ page }: { page: Page }) {
  const [note, setNote] = useState("");
  useEffect(() => {
    const refresh = () =>
      page.shares.refresh().catch((error: Error) => setNote(`The links are not known: ${error.message}`));
    void refresh();
    const timer = setInterval(refresh, refreshMs);
    return () => clearInterval(timer);
  }, [page]);
  const wallNow = page.wall.now();
  const links = (page.shares.list.value ?? []).filter(({ expires }) => expires > wallNow);
  const revoke = (id: number, name: string) => {
    page.shares.revoke(id).then(
      () => setNote(`The link to ${name} shows nothing any more.`),
      (error: Error) => setNote(error.message),
    );
  };
  return (
    <Section title="Shared links" summary={links.length}>
      {links.length === 0 && <p class="nothing">Choose a device and share where it is, for a while.</p>}
      <ul class="items">
        {links.map(({ id, topic, expires }) => {
          const name = plainId(topic.slice(topic.indexOf("/") + 1));
          return (
            <li key={id} class="item" data-share={topic}>
              <div class="item-main">
                <strong>{name}</strong>
                <span class="item-sub">until {clockWords(expires, wallNow)}</span>
              </div>
              <button
                class="button"
                type="button"
                aria-label={`Take back the link to ${name}`}
                onClick={() => revoke(id, name)}
              >
                Take back
              </button>
            </li>
          );
        })}
      </ul>
      <p class="list-foot" role="status">
        {note}
      </p>
    </Section>
  );
}
