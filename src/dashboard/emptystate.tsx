import type { Page } from "./page.ts";

/** What to do when nothing has arrived yet; goes away with the first reading. */
export function EmptyState({ page }: { page: Page }) {
  void page.now.value;
  if (page.things.version > 0 || page.connection.value.kind !== "live") return null;
  const command = `npx mqtt pub -h ${location.hostname} -t telemetry/gps/my-phone -m '{"lat":60.17,"lon":24.94}'`;
  return (
    <div class="welcome" role="note">
      <h2>Ready for the first reading</h2>
      <p>The gateway is up and this page is connected. Publish a position and it appears here at once:</p>
      <pre>
        <code>{command}</code>
      </pre>
      <button class="text-button" type="button" onClick={() => void copy(command)}>
        Copy the command
      </button>
    </div>
  );
}

async function copy(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without HTTPS browsers give no clipboard; the text can still be selected.
  }
}
