import { fileURLToPath } from "node:url";
import { defineConfig, type UserConfig } from "vite";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const outDir = here("../../dist/dashboard");

/** The page. */
const page: UserConfig = {
  root: here("."),
  base: "./",
  build: {
    outDir,
    emptyOutDir: true,
    target: "es2022",
    // Everything is a file of its own: the server's Content-Security-Policy forbids scripts and fonts in data: URLs.
    assetsInlineLimit: 0,
    // MapLibre, which comes only after the page is there.
    chunkSizeWarningLimit: 1_500,
    modulePreload: { polyfill: false },
    rollupOptions: {
      input: [here("index.html"), here("share.html")],
      output: {
        // Some servers do not know `.mjs`, and a worker with the wrong type does not start.
        assetFileNames: ({ names }) =>
          names[0]?.endsWith(".mjs") ? "assets/[name]-[hash].js" : "assets/[name]-[hash][extname]",
      },
    },
  },
};

/** The SDK as one module for plain pages: `import { connect } from "http://localhost:8080/client.js"`. */
const client: UserConfig = {
  root: here("."),
  build: {
    outDir,
    emptyOutDir: false,
    target: "es2022",
    lib: { entry: here("../client/client.ts"), formats: ["es"], fileName: () => "client.js" },
    // Vite leaves the white space in libraries, for bundlers' sake; this one goes straight to browsers.
    rollupOptions: { output: { minify: true } },
  },
};

// Vite reads its configuration from a default export; nothing else here has one.
export default defineConfig(({ mode }) => (mode === "client" ? client : page));
