import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    globalSetup: ["test/support/build.ts"],
    setupFiles: ["test/support/fast-check.ts"],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          // Vitest would leave one core of two idle.
          maxWorkers: "100%",
          include: ["test/**/*.test.ts"],
          exclude: ["test/e2e/**", "test/faults/**"],
        },
      },
      {
        extends: true,
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts", "test/faults/**/*.test.ts"],
          // In a soak (src/log/DURABILITY.md) a test plays on for its third of the time.
          testTimeout: 180_000 + 20_000 * Number(process.env["FIELDCAST_SOAK_MINUTES"] ?? 0),
          // Whole processes and a browser: after the others, so that they have the machine to themselves.
          sequence: { groupOrder: 1 },
          maxWorkers: 2,
        },
      },
    ],
  },
});
