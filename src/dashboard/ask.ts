/**
 * Asks the gateway for something, or to change it, over its HTTP API.
 * @returns what it answers
 * @throws Error with the gateway's reason, or when there is no answer
 */
export async function askGateway(
  method: "GET" | "POST" | "DELETE",
  path: string,
  query: Readonly<Record<string, string>> = {},
): Promise<unknown> {
  const search = new URLSearchParams(query).toString();
  const response = await fetch(search === "" ? path : `${path}?${search}`, { method }).catch(() => {
    throw new Error("the gateway cannot be reached; try again");
  });
  const answer: unknown = await response.json().catch(() => null);
  if (response.ok) return answer;
  const { error } = (answer ?? {}) as { readonly error?: string };
  throw new Error(error ?? `the gateway answers with status ${response.status}`);
}
