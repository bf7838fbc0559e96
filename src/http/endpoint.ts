import type { HttpReply, HttpRequest } from "../model/http.ts";
import type { Asked, JsonSchema, Parameters } from "./parameters.ts";

/** What an endpoint answers, by status. */
export interface AnswerDescription {
  readonly description: string;
  /** Schemas of bodies by media type. */
  readonly content: Readonly<Record<string, JsonSchema>>;
  readonly headers?: Readonly<Record<string, { readonly description: string; readonly schema: JsonSchema }>>;
}

/** One request that is served: how it is read, what answers it, and what the API's description says of it. */
export interface Endpoint<Known extends Parameters = Parameters> {
  readonly method: "GET" | "POST";
  /** `{id}` stands for a number of up to 15 digits. */
  readonly path: string;
  /** Its operation's name in generated clients. */
  readonly operation: string;
  readonly summary: string;
  readonly description?: string;
  /** Null where the query is nobody's business: probes put there what they like. */
  readonly parameters: Known | null;
  readonly answers: Readonly<Record<number, AnswerDescription>>;
  /** It reads much at a time, so that only some run at once. */
  readonly isLarge?: boolean;
  /** @param id the number in the path, 0 if it has none */
  handle(request: HttpRequest, asked: Asked<Known>, id: number): HttpReply | Promise<HttpReply>;
}

/** Keeps the types of the parameters for `handle` and forgets them for the list. */
export function endpoint<Known extends Parameters>(definition: Endpoint<Known>): Endpoint {
  return definition as unknown as Endpoint;
}
