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
  readonly method: "GET" | "POST" | "DELETE";
  /** May have one of `pathParameters` in braces. */
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
  /**
   * @param id the number in the path, 0 if it has none
   * @param text what stands in the path, decoded; empty if nothing does
   */
  handle(request: HttpRequest, asked: Asked<Known>, id: number, text: string): HttpReply | Promise<HttpReply>;
}

/** What may stand in a path, and how it is described. */
export const pathParameters = {
  id: { pattern: "\\d{1,15}", schema: { type: "integer", minimum: 0, maximum: 999_999_999_999_999 } },
  /** base64url. */
  token: { pattern: "[\\w-]{16,64}", schema: { type: "string", pattern: "^[A-Za-z0-9_-]{16,64}$" } },
  name: { pattern: "[^/]{1,600}", schema: { type: "string", minLength: 1, maxLength: 64 } },
} as const;

/** Keeps the types of the parameters for `handle` and forgets them for the list. */
export function endpoint<Known extends Parameters>(definition: Endpoint<Known>): Endpoint {
  return definition as unknown as Endpoint;
}
