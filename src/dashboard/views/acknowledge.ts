import type { Alert } from "./alerts.ts";

const storageKey = "fieldcast-person";

/**
 * Tells the gateway that a person knows of an alert; the alert's next reading says so.
 * @throws Error with the gateway's reason, or when there is no answer
 */
export async function acknowledge(alert: Pick<Alert, "id">, by: string): Promise<void> {
  const query = new URLSearchParams({ by });
  const response = await fetch(`/api/v1/alerts/${alert.id}/ack?${query}`, { method: "POST" });
  if (response.ok) return;
  const answer = (await response.json().catch(() => ({}))) as { error?: string };
  throw new Error(answer.error ?? `the gateway answers with status ${response.status}`);
}

/** Who is at this browser, "" if nobody has said. */
export function readPerson(): string {
  try {
    return localStorage.getItem(storageKey) ?? "";
  } catch {
    return "";
  }
}

export function writePerson(name: string): void {
  try {
    localStorage.setItem(storageKey, name);
  } catch {
    // Storage can be forbidden; the name then lasts as long as the view.
  }
}
