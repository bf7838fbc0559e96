/** A URL's beginning for people and programs: `http://127.0.0.1:8080`; an IPv6 address stands in brackets (RFC 3986, 3.2.2). */
export function formatAddress(scheme: "http" | "mqtt", host: string, port: number): string {
  return `${scheme}://${host.includes(":") ? `[${host}]` : host}:${port}`;
}
