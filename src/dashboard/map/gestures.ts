/** What a person does to the plain map. */
export interface GestureListeners {
  pan(dx: number, dy: number): void;
  /** By so many levels (positive is nearer) around a point of the element. */
  zoom(levels: number, atX: number, atY: number): void;
}

const keyPanPx = 90;
/** Wheel pixels per zoom level. */
const wheelPxPerLevel = 240;

/** Drag, pinch, wheel, double click and keys on `element`. */
export function listenToGestures(element: HTMLElement, listeners: GestureListeners): void {
  element.style.touchAction = "none";
  listenToPointers(element, listeners);
  element.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      listeners.zoom(-event.deltaY / wheelPxPerLevel, event.offsetX, event.offsetY);
    },
    { passive: false },
  );
  element.addEventListener("dblclick", (event) => listeners.zoom(1, event.offsetX, event.offsetY));
  element.addEventListener("keydown", (event) => {
    const pan = keyPans[event.key];
    const zoom = event.key === "+" || event.key === "=" ? 1 : event.key === "-" ? -1 : 0;
    if (!pan && zoom === 0) return;
    event.preventDefault();
    if (pan) listeners.pan(pan[0], pan[1]);
    else listeners.zoom(zoom, element.clientWidth / 2, element.clientHeight / 2);
  });
}

const keyPans: Readonly<Record<string, readonly [number, number]>> = {
  ArrowLeft: [keyPanPx, 0],
  ArrowRight: [-keyPanPx, 0],
  ArrowUp: [0, keyPanPx],
  ArrowDown: [0, -keyPanPx],
};

function listenToPointers(element: HTMLElement, listeners: GestureListeners): void {
  const pointers = new Map<number, { x: number; y: number }>();
  const span = () => {
    const [a, b] = [...pointers.values()];
    return a && b ? { size: Math.hypot(a.x - b.x, a.y - b.y), x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 } : null;
  };
  element.addEventListener("pointerdown", (event) => {
    element.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, { x: event.offsetX, y: event.offsetY });
  });
  element.addEventListener("pointermove", (event) => {
    const last = pointers.get(event.pointerId);
    if (!last) return;
    const before = span();
    const dx = event.offsetX - last.x;
    const dy = event.offsetY - last.y;
    last.x = event.offsetX;
    last.y = event.offsetY;
    const after = span();
    if (!before || !after) return listeners.pan(dx, dy);
    listeners.pan(after.x - before.x, after.y - before.y);
    if (before.size > 0 && after.size > 0)
      listeners.zoom(Math.log2(after.size / before.size), after.x, after.y);
  });
  for (const end of ["pointerup", "pointercancel"] as const) {
    element.addEventListener(end, (event) => pointers.delete(event.pointerId));
  }
}
