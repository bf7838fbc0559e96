import type { ComponentChildren } from "preact";

/** A label and what is filled in below it. */
export function Field({ label, children }: { label: string; children: ComponentChildren }) {
  return (
    // biome-ignore lint/a11y/noLabelWithoutControl: the control is what is given
    <label class="field">
      <span>{label}</span>
      {children}
    </label>
  );
}

/** What went wrong, told at once to who cannot see it; nothing while `words` is "". */
export function Problem({ words }: { words: string }) {
  return (
    <p class="problem" role="alert">
      {words}
    </p>
  );
}
