/** Heights that the style sheets (panels.css) and the scripts must agree on, CSS pixels. */
export const rowPx = 34;
/** A panel's head with its lines above and below. */
export const panelHeadPx = 44;
/** A panel without devices. */
export const emptyPanelPx = 40;
/** Between panels, and around them all. */
export const panelsGapPx = 10;
