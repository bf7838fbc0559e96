import { expect, it, onTestFinished } from "vitest";
import { maxOpenAlerts } from "../../src/model/alert.ts";
import type { Reading } from "../../src/model/reading.ts";
import { append, openTestLog } from "../support/log.ts";
import { openApi, textOf } from "./api.ts";

it("says of an alert with too many told after it that it cannot be acknowledged, until some are over", async () => {
  const log = await openTestLog();
  onTestFinished(() => log.close());
  const api = openApi(log);
  const alert = (n: number, state: string, kind = "rules"): Reading => ({
    domain: "alerts",
    device: `${kind}/r/energy/m${n}`,
    time: 1_000 + n,
    values: { id: kind === "rules" ? n : 10 * maxOpenAlerts + n, state },
  });
  const acknowledge = async (n: number) => {
    const { status, body = "" } = await api.reply("POST", `/api/v1/alerts/${n}/ack?by=anna`);
    return [status, await textOf(body)] as const;
  };
  const many = Array.from({ length: maxOpenAlerts + 1 }, (_, n) => alert(n, "firing"));
  await append(log, ...many, alert(0, "firing", "jam"), alert(1, "resolved"));
  expect((await acknowledge(0))[0]).toBe(200);
  await append(log, alert(1, "firing"));
  const head = log.head;
  const [status, text] = await acknowledge(0);
  expect(status).toBe(409);
  expect(text).toContain(`${maxOpenAlerts} alerts like alerts/rules/r/energy/m0 have been told since`);
  expect(log.head).toBe(head);
  expect((await acknowledge(2))[0]).toBe(200);
});
