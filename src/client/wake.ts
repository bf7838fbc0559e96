interface EventSource {
  addEventListener?(type: string, listener: () => void): void;
  removeEventListener?(type: string, listener: () => void): void;
}

/** The part of a browser's global object that tells of a network or a person coming back. Node has none of it. */
export interface Page extends EventSource {
  readonly document?: EventSource & { readonly visibilityState?: string };
}

/**
 * Calls back when the network returns or the page becomes visible: then it is worth trying at once, because timers
 * stood still while the machine slept. Returns an unsubscribe.
 */
export function onWake(callback: () => void, page: Page = globalThis as Page): () => void {
  const { document } = page;
  const onVisibility = () => {
    if (document?.visibilityState === "visible") callback();
  };
  page.addEventListener?.("online", callback);
  document?.addEventListener?.("visibilitychange", onVisibility);
  return () => {
    page.removeEventListener?.("online", callback);
    document?.removeEventListener?.("visibilitychange", onVisibility);
  };
}
