import { useEffect, useRef } from "preact/hooks";
import { CloseIcon, SearchIcon } from "./icons.tsx";
import type { Page } from "./page.ts";

/** Narrows lists and map to devices whose name contains what is typed. `/` goes to it. */
export function FilterBox({ page }: { page: Page }) {
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    const focus = (event: KeyboardEvent) => {
      const isTyping = event.target instanceof HTMLInputElement;
      if (event.key !== "/" || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      input.current?.focus();
    };
    addEventListener("keydown", focus);
    return () => removeEventListener("keydown", focus);
  }, []);
  const clear = () => {
    page.filter.value = "";
    input.current?.focus();
  };
  return (
    <div class="filter">
      <SearchIcon />
      <input
        ref={input}
        type="text"
        aria-label="Filter by name"
        placeholder="Filter by name"
        autocomplete="off"
        spellcheck={false}
        maxLength={120}
        value={page.filter.value}
        onInput={(event) => {
          page.filter.value = event.currentTarget.value;
        }}
      />
      {page.filter.value === "" ? (
        <kbd class="wide-only">/</kbd>
      ) : (
        <button class="icon-button small" type="button" aria-label="Clear the filter" onClick={clear}>
          <CloseIcon />
        </button>
      )}
    </div>
  );
}
