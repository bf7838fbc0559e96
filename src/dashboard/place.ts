import { type Signal, signal } from "@preact/signals";

/** The views of the page, in the order of the navigation. */
export const views = ["devices", "alerts", "roads", "transit", "tracking", "energy", "fares"] as const;
export type View = (typeof views)[number];

/** Where on the page someone is: a view, and what was chosen in it (a stop, a meter). */
export interface Place {
  readonly view: View;
  readonly detail: string | null;
}

/** The place that an address's hash names: `#transit/9100035`. Anything else is the first view. */
export function placeFrom(hash: string): Place {
  const [name = "", ...rest] = hash.replace(/^#/, "").split("/");
  const view = views.find((known) => known === name) ?? views[0];
  const detail = view === name && rest.length > 0 ? plainText(rest.join("/")) : null;
  return { view, detail };
}

/** The hash that names a place. */
export function hashOf(view: View, detail: string | null = null): string {
  return detail === null ? `#${view}` : `#${view}/${encodeURIComponent(detail)}`;
}

/** The place that the page's address names, also when it changes. */
export function watchPlace(): Signal<Place> {
  const place = signal(placeFrom(location.hash));
  addEventListener("hashchange", () => {
    place.value = placeFrom(location.hash);
  });
  return place;
}

/** An address can be typed by hand, so it need not be well-formed. */
function plainText(encoded: string): string {
  try {
    return decodeURIComponent(encoded);
  } catch {
    return encoded;
  }
}
