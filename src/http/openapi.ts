import { type AnswerDescription, type Endpoint, pathParameters } from "./endpoint.ts";
import { eventsDescriptions } from "./events-description.ts";
import type { Parameter } from "./parameters.ts";
import { sharedSchemas } from "./schemas.ts";

/** Describes endpoints, and the event stream beside them, in OpenAPI 3.1 (https://spec.openapis.org/oas/v3.1.1.html). */
export function describeApi(endpoints: readonly Endpoint[]): object {
  const paths: Record<string, object> = {};
  for (const one of endpoints) {
    paths[one.path] = { ...paths[one.path], [one.method.toLowerCase()]: describe(one) };
  }
  for (const { path, operation } of eventsDescriptions) paths[path] = { get: operation };
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
    paths,
    components: { schemas: sharedSchemas },
  };
}

function describe({ operation, summary, description, path, parameters, answers }: Endpoint): object {
  const inPath = Object.entries(pathParameters).flatMap(([name, { schema }]) =>
    path.includes(`{${name}}`) ? [{ name, in: "path", required: true, schema }] : [],
  );
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
