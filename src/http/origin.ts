import type { HttpRequest } from "../model/http.ts";

/** Browsers let any page send a POST without a body anywhere, with its Origin; programs send none. */
export function isSameOrigin(request: HttpRequest): boolean {
  const origin = request.header("origin");
  return origin === "" || origin.replace(/^https?:\/\//, "") === request.header("host");
}
