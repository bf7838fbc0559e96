import { domains } from "../../model/reading.ts";
import type { Page } from "../page.ts";
import { Panel } from "../panel.tsx";
import { useRowCount } from "../rowcount.ts";

/** All devices by domain. */
export function DevicesView({ page }: { page: Page }) {
  const { columnRef, rowCount } = useRowCount(page);
  return (
    <div class="panels" ref={columnRef}>
      {domains.map((domain) => (
        <Panel key={domain} page={page} domain={domain} rowCount={rowCount} />
      ))}
    </div>
  );
}
