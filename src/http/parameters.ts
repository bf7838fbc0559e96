/** A JSON Schema (draft 2020-12), the dialect of OpenAPI 3.1. */
export type JsonSchema = { readonly [keyword: string]: unknown };

/** What a parameter may need to know of the moment. */
export interface Moment {
  /** Epoch milliseconds. */
  readonly now: number;
}

/** A parameter of a query: how it is read, and what the API's description says of it. */
export interface Parameter<Value> {
  readonly description: string;
  readonly schema: JsonSchema;
  readonly example?: unknown;
  /** It has parts, with commas between them. */
  readonly isList?: boolean;
  /** It may be given several times; the texts are joined with commas. */
  readonly mayRepeat?: boolean;
  /** @throws Error with the problem and its remedy in the message */
  read(text: string, moment: Moment): Value;
}

export type Parameters = Readonly<Record<string, Parameter<unknown>>>;

/** What was asked for: the parameters' values, null where one was not given. */
export type Asked<Known extends Parameters> = {
  readonly [Name in keyof Known]: Known[Name] extends Parameter<infer Value> ? Value | null : never;
};

/** The request cannot be answered as it is: HTTP status 400. The message names the parameter and says what to do. */
export class BadParameter extends Error {
  override readonly name = "BadParameter";

  constructor(parameter: string, problem: string) {
    super(`parameter ${parameter}: ${problem}`);
  }
}

/**
 * Reads a query.
 * @throws BadParameter for what is unknown, given twice or cannot be read
 */
export function readParameters<Known extends Parameters>(
  query: URLSearchParams,
  known: Known,
  moment: Moment,
): Asked<Known> {
  const names = Object.keys(known);
  for (const name of query.keys()) {
    if (!Object.hasOwn(known, name)) throw new BadParameter(shorten(name), unknownProblem(names));
  }
  const asked = names.map((name) => [name, readOne(query, name, known[name] as Parameter<unknown>, moment)]);
  return Object.fromEntries(asked) as Asked<Known>;
}

function unknownProblem(names: readonly string[]): string {
  return names.length === 0
    ? "there is none of this name here; leave it out"
    : `there is none of this name; there are ${names.join(", ")}`;
}

function readOne(
  query: URLSearchParams,
  name: string,
  parameter: Parameter<unknown>,
  moment: Moment,
): unknown {
  const texts = query.getAll(name);
  if (texts.length === 0) return null;
  if (texts.length > 1 && !parameter.mayRepeat) throw new BadParameter(name, "it may be given once");
  try {
    return parameter.read(texts.join(","), moment);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw new BadParameter(name, error.message);
  }
}

const maxQuotedChars = 60;

/** As much of what somebody sent as belongs into an error. */
export function shorten(text: string): string {
  return text.length <= maxQuotedChars ? text : `${text.slice(0, maxQuotedChars)}…`;
}
