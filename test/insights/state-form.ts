/** What data is made of, without the data: two states of one form are read by the same code. */
export type Form = string | readonly Form[] | { readonly [name: string]: Form };

/**
 * The form of plain data: type names; a list of one form for all elements of an array; `Map` and `Set` with the forms of what they
 * hold; the names of an object, with `?` behind those that not every object of its place has.
 */
export function formOf(values: readonly unknown[]): Form {
  const forms = [
    ...typeNames(values),
    ...listForm("array", values.filter(Array.isArray)),
    ...mapForm(values.filter((value) => value instanceof Map)),
    ...listForm(
      "set",
      values.filter((value) => value instanceof Set),
    ),
    ...objectForm(values.filter(isPlainObject)),
  ];
  return forms.length === 1 ? (forms[0] as Form) : forms;
}

function typeNames(values: readonly unknown[]): string[] {
  const names = values
    .map((value) => (value === null ? "null" : typeof value))
    .filter((name) => name !== "object");
  return [...new Set(names)].sort();
}

function listForm(name: string, lists: readonly Iterable<unknown>[]): Form[] {
  return lists.length === 0 ? [] : [{ [name]: formOf(lists.flatMap((list) => [...list])) }];
}

function mapForm(maps: readonly ReadonlyMap<unknown, unknown>[]): Form[] {
  if (maps.length === 0) return [];
  const keys = formOf(maps.flatMap((map) => [...map.keys()]));
  return [{ map: [keys, formOf(maps.flatMap((map) => [...map.values()]))] }];
}

function objectForm(objects: readonly Record<string, unknown>[]): Form[] {
  if (objects.length === 0) return [];
  const names = [...new Set(objects.flatMap((object) => Object.keys(object)))].sort();
  const form = names.map((name) => {
    const having = objects.filter((object) => Object.hasOwn(object, name));
    return [having.length < objects.length ? `${name}?` : name, formOf(having.map((object) => object[name]))];
  });
  return [Object.fromEntries(form) as Form];
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return (
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Map) &&
    !(value instanceof Set)
  );
}
