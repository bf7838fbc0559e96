import type { z } from "zod";

/** Refuses a second entry of the same name in a list of the configuration; `kind` is what the entries are, in the plural. */
export function uniqueNames(kind: string) {
  return (list: readonly { readonly name: string }[], context: z.RefinementCtx): void => {
    for (const [index, { name }] of list.entries()) {
      if (list.findIndex((other) => other.name === name) === index) continue;
      context.addIssue({
        code: "custom",
        path: [index, "name"],
        message: `there are two ${kind} named ${name}`,
      });
    }
  };
}
