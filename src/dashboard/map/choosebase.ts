import type { BaseMap, BaseMapOptions } from "./basemap.ts";

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
  const { createPlainMap } = await import("./plain.ts");
  return createPlainMap(container, options);
}

function hasWebGl(): boolean {
  try {
    return document.createElement("canvas").getContext("webgl2") !== null;
  } catch {
    return false;
  }
}
