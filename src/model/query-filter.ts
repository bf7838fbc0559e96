/**
 * The topic filter that someone put into a URL's query, as it was meant: a bare `+` arrives as a space there, which no level
 * of a filter is. Not yet checked as a filter (model/filter.ts).
 */
export function filterFromQuery(text: string): string | { readonly problem: string } {
  // The rest of the URL after a bare `#` never leaves the client, so what arrives is another, valid filter that matches nothing.
  if (text === "" || text.endsWith("/")) {
    return { problem: "it is cut off; in a URL `#` is written %23, as in gps/%23" };
  }
  // What a URL's decoder makes of bytes that are not UTF-8 (https://url.spec.whatwg.org/#urlencoded-parsing, 3).
  if (text.includes("\ufffd")) {
    return { problem: "it is not UTF-8; percent-encode it as UTF-8, or give + for that level" };
  }
  const levels = text.split("/");
  return levels.map((level) => (level === " " ? "+" : level)).join("/");
}
