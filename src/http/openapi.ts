import type { AnswerDescription, Endpoint } from "./endpoint.ts";
import { eventsDescription } from "./events-description.ts";
import type { Parameter } from "./parameters.ts";
import { sharedSchemas } from "./schemas.ts";

/** Describes endpoints, and the event stream beside them, in OpenAPI 3.1 (https://spec.openapis.org/oas/v3.1.1.html). */
export function describeApi(endpoints: readonly Endpoint[]): object {
  // No path has two methods.
  const paths = endpoints.map((one) => [one.path, { [one.method.toLowerCase()]: describe(one) }]);
  return {
    openapi: "3.1.1",
    info: {
      title: "Fieldcast",
      version: "1",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
      description:
        "What a Fieldcast gateway answers over HTTP. Live readings come over the WebSocket at /stream, or as Server-Sent Events.",
    },
    servers: [{ url: "/" }],
    paths: { ...Object.fromEntries(paths), [eventsDescription.path]: { get: eventsDescription.operation } },
    components: { schemas: sharedSchemas },
  };
}

function describe({ operation, summary, description, path, parameters, answers }: Endpoint): object {
  const inPath = path.includes("{id}") ? [idParameter] : [];
  const inQuery = Object.entries(parameters ?? {}).map(describeParameter);
  return {
    operationId: operation,
    summary,
    ...(description !== undefined && { description }),
    parameters: [...inPath, ...inQuery],
    responses: Object.fromEntries(
      Object.entries(answers).map(([status, answer]) => [status, describeAnswer(answer)]),
    ),
  };
}

const idParameter = {
  name: "id",
  in: "path",
  required: true,
  schema: { type: "integer", minimum: 0, maximum: 999_999_999_999_999 },
} as const;

function describeParameter([name, { description, schema, example, isList }]: [
  string,
  Parameter<unknown>,
]): object {
  return {
    name,
    in: "query",
    required: false,
    description,
    // Commas between the parts of one text.
    ...(isList && { style: "form", explode: false }),
    schema,
    ...(example !== undefined && { example }),
  };
}

function describeAnswer({ description, content, headers }: AnswerDescription): object {
  return {
    description,
    ...(headers && { headers }),
    content: Object.fromEntries(Object.entries(content).map(([type, schema]) => [type, { schema }])),
  };
}
