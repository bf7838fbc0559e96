import type { BaseMap, BaseMapOptions } from "./basemap.ts";
// Not loaded when needed, as MapLibre is: it must be there when the gateway is not.
import { createPlainMap } from "./plain.ts";

/** MapLibre where WebGL works, else the plain map; never nothing. `force` is for tests and for a broken driver. */
export async function createBaseMap(
  container: HTMLElement,
  options: BaseMapOptions,
  force: string | null,
): Promise<BaseMap> {
  if (force !== "plain" && hasWebGl()) {
    try {
      const { createMapLibreMap } = await import("./maplibre.ts");
      return await createMapLibreMap(container, options);
    } catch (error) {
      console.warn("MapLibre did not start; the plain map takes over", error);
      container.replaceChildren();
    }
  }
  return createPlainMap(container, options);
}

function hasWebGl(): boolean {
  try {
    return document.createElement("canvas").getContext("webgl2") !== null;
  } catch {
    return false;
  }
}
