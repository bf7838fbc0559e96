/** Something that was observed at a time. */
interface Timed {
  readonly time: number;
}

/**
 * Puts an observation in its place in a list sorted by time, so that a reducer can work anew from there, and the settled
 * result does not depend on the order of arrival. Keeps the `max` newest.
 * @returns its index; null for a second one of the same time (a duplicate) and for one older than all of a full list:
 *   the list is as it was then
 */
export function insertInOrder<Item extends Timed>(list: Item[], item: Item, max: number): number | null {
  // Nearly always it is the newest, so the search begins there.
  let at = list.length;
  while (at > 0 && (list[at - 1] as Item).time > item.time) at--;
  if (at > 0 && (list[at - 1] as Item).time === item.time) return null;
  if (list.length >= max && at === 0) return null;
  list.splice(at, 0, item);
  if (list.length <= max) return at;
  list.shift();
  return at - 1;
}
