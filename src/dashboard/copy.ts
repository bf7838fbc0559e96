/**
 * Puts what a field holds on the clipboard. Without HTTPS browsers give pages no clipboard of the newer kind, so the older way is
 * tried as well. Returns false if neither works; the text is then selected, for the keyboard.
 */
export async function copyFrom(field: HTMLInputElement): Promise<boolean> {
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
    return true;
  } catch {
    return document.execCommand("copy");
  }
}
