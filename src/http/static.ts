import { readdir, readFile } from "node:fs/promises";
import { extname, join, relative, sep } from "node:path";
import type { HttpReply, HttpRequest } from "../model/http.ts";

const contentTypes: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".json": "application/json; charset=utf-8",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".ico": "image/x-icon",
  ".map": "application/json; charset=utf-8",
  ".webmanifest": "application/manifest+json",
};

const securityHeaders = {
  "content-security-policy":
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; worker-src 'self' blob:; " +
    "connect-src 'self' ws: wss:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
} as const;

/** The page's files, read once at the start: nothing a request says ever becomes a path on the disk. */
export interface StaticFiles {
  serve(request: HttpRequest): HttpReply;
}

interface File {
  readonly body: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
}

/** Loads a folder. An absent folder gives a server without a page, which says so. */
export async function loadStaticFiles(folder: string): Promise<StaticFiles> {
  const files = new Map<string, File>();
  for (const path of await listFiles(folder)) {
    const url = `/${relative(folder, path).split(sep).join("/")}`;
    const file = { body: await readFile(path), headers: headersFor(url) };
    files.set(url, file);
    // Pages name their files relative to their own place, so that a proxy may put them below a folder; that of a link is deeper.
    if (url.startsWith("/assets/")) files.set(`/share${url}`, file);
  }
  const index = files.get("/index.html");
  if (index) files.set("/", index);
  return {
    serve: ({ path }) => {
      const file = files.get(path);
      if (file) return { status: 200, headers: file.headers, body: file.body };
      const help =
        path === "/" ? "the page is not built: run `npm run build`" : `nothing is served at ${path}`;
      return { status: 404, headers: { "content-type": "text/plain; charset=utf-8" }, body: `${help}\n` };
    },
  };
}

function headersFor(url: string): Record<string, string> {
  // Vite puts a hash of the content into the names under /assets.
  const isHashed = url.startsWith("/assets/");
  return {
    ...securityHeaders,
    "content-type": contentTypes[extname(url)] ?? "application/octet-stream",
    "cache-control": isHashed ? "public, max-age=31536000, immutable" : "no-cache",
    // Pages of other origins may use the SDK; whether they may connect is decided at the WebSocket.
    ...(url === "/client.js" && { "access-control-allow-origin": "*" }),
  };
}

async function listFiles(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
