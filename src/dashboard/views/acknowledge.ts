import { askGateway } from "../ask.ts";
import type { Alert } from "./alerts.ts";

const storageKey = "fieldcast-person";

/**
 * Tells the gateway that a person knows of an alert; the alert's next reading says so.
 * @throws Error with the gateway's reason, or when there is no answer
 */
export async function acknowledge(alert: Pick<Alert, "id">, by: string): Promise<void> {
  await askGateway("POST", `/api/v1/alerts/${alert.id}/ack`, { by });
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
