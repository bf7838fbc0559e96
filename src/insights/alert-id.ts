/**
 * A number for an alert's place in URLs, below 2^49 so that it has at most 15 digits: FNV-1a, twice 32 bits with different
 * beginnings (http://www.isthe.com/chongo/tech/comp/fnv/).
 * @param alert what it is called (`alertName`)
 */
export function alertId(alert: string): number {
  return (fnv(alert, 0x811c9dc5) & 0x1ffff) * 2 ** 32 + fnv(alert, 0x01000193);
}

function fnv(text: string, begin: number): number {
  let hash = begin;
  for (let at = 0; at < text.length; at++) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  }
  return hash >>> 0;
}
