import type { Page } from "playwright-core";

/** WCAG 2.2, 1.4.3 (AA), for text that is not large. */
const minContrast = 4.5;

/** The texts in view that stand off less from what is behind them than AA demands, with how much they do. */
export function lowContrast(page: Page): Promise<string[]> {
  return page.evaluate((least) => {
    const pen = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    if (!pen) throw new Error("there is no canvas to read colours with");
    /** Any CSS colour as red, green, blue and alpha, 0 to 255. */
    const read = (color: string): Uint8ClampedArray => {
      pen.clearRect(0, 0, 1, 1);
      pen.fillStyle = color;
      pen.fillRect(0, 0, 1, 1);
      return pen.getImageData(0, 0, 1, 1).data;
    };
    // Relative luminance as WCAG 2.2 defines it.
    const luminance = (color: Uint8ClampedArray): number => {
      const [red = 0, green = 0, blue = 0] = Array.from(color.slice(0, 3), (part) => {
        const share = part / 255;
        return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const behind = (element: Element): Uint8ClampedArray => {
      for (let at: Element | null = element; at; at = at.parentElement) {
        const color = read(getComputedStyle(at).backgroundColor);
        if (color[3] === 255) return color;
      }
      return read("white");
    };
    const texts = [...document.querySelectorAll("body *")].filter((element) => {
      const isText = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent?.trim());
      const isDisabled = element.matches(":disabled, :disabled *");
      return isText && !isDisabled && element.checkVisibility({ visibilityProperty: true });
    });
    return texts.flatMap((element) => {
      const [one, other] = [luminance(read(getComputedStyle(element).color)), luminance(behind(element))];
      const contrast = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
      const words = element.textContent?.trim().slice(0, 30);
      return contrast < least ? [`${contrast.toFixed(2)}: ${element.className} "${words}"`] : [];
    });
  }, minContrast);
}
