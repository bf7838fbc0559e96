/** A press that moves farther than this is a drag, CSS pixels. */
const clickSlopPx = 5;

export interface PointerListeners {
  /** At most once a frame, not while dragging. */
  onMove(px: number, py: number): void;
  onLeave(): void;
  onClick(px: number, py: number): void;
}

/** Hovering and clicking on the map, told apart from dragging it. Returns an unlisten. */
export function listenToPointer(element: HTMLElement, listeners: PointerListeners): () => void {
  let pressed: { x: number; y: number } | null = null;
  let frame = 0;
  const stop = new AbortController();
  const options = { signal: stop.signal, capture: true };
  const at = (event: PointerEvent) => {
    const { left, top } = element.getBoundingClientRect();
    return { x: event.clientX - left, y: event.clientY - top };
  };
  const down = (event: PointerEvent) => {
    pressed = event.isPrimary ? at(event) : null;
  };
  const up = (event: PointerEvent) => {
    const { x, y } = at(event);
    if (pressed && Math.hypot(x - pressed.x, y - pressed.y) <= clickSlopPx) listeners.onClick(x, y);
    pressed = null;
  };
  const move = (event: PointerEvent) => {
    if (event.pointerType === "touch" || pressed) return;
    const { x, y } = at(event);
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(() => listeners.onMove(x, y));
  };
  const leave = () => {
    cancelAnimationFrame(frame);
    listeners.onLeave();
  };
  element.addEventListener("pointerdown", down, options);
  element.addEventListener("pointerup", up, options);
  element.addEventListener("pointermove", move, options);
  element.addEventListener("pointerleave", leave, { signal: stop.signal });
  return () => stop.abort();
}
