/**
 * What is served over HTTP, as OpenAPI 3.1 (https://spec.openapis.org/oas/v3.1.1). It stands in a module and not in a file of its
 * own so that it is there wherever the program is; a test holds it against the gateway's real answers.
 */
export const openapi = `openapi: 3.1.0
info:
  title: Fieldcast
  version: 1.0.0
  license: { name: Apache-2.0, identifier: Apache-2.0 }
  description: >-
    What a Fieldcast gateway serves over HTTP. The stream itself is a WebSocket at /stream; its document is src/wire/PROTOCOL.md, which
    also explains the event stream. Every error has a body that says what was wrong and what to do.
servers:
  - url: http://localhost:8080

paths:
  /api/v1/latest:
    get:
      summary: What each topic shows now, its values merged by time of observation
      operationId: latest
      parameters:
        - { $ref: "#/components/parameters/filter" }
      responses:
        "200":
          description: One merged reading for each topic that matches
          content:
            application/json:
              schema:
                type: object
                required: [readings]
                additionalProperties: false
                properties:
                  readings: { type: array, items: { $ref: "#/components/schemas/Reading" } }
        "400": { $ref: "#/components/responses/BadParameter" }

  /api/v1/events:
    get:
      summary: One subscription as Server-Sent Events, for curl and EventSource
      description: >-
        Events are named like the messages of the stream, and their data is the message in JSON. The id of an event is the place to
        resume from: an EventSource does so by itself, each reading once. Write # as %23.
      operationId: events
      parameters:
        - { $ref: "#/components/parameters/filter" }
        - name: from
          in: query
          description: >-
            latest (snapshot, then live), now, an id of this stream, or a time of observation (ISO 8601 with an offset, or epoch
            milliseconds)
          schema: { type: string, default: latest }
          examples: { time: { value: "2026-11-22T14:05:00Z" } }
        - name: last
          in: query
          description: Instead of from, so many of the newest readings of each topic
          schema: { type: integer, minimum: 1, maximum: 10000 }
        - name: rate
          in: query
          description: At most so many updates a second per topic, the latest wins
          schema: { type: number, minimum: 0.001, maximum: 1000 }
        - name: speed
          in: query
          description: How fast the past is played, as a multiple of real time; 0 is as fast as it goes
          schema: { type: number, minimum: 0, maximum: 1000, default: 0 }
        - name: bbox
          in: query
          description: west, south, east and north in degrees
          style: form
          explode: false
          schema: { type: array, items: { type: number }, minItems: 4, maxItems: 4 }
          example: [24.9, 60.1, 25.0, 60.2]
        - name: where
          in: query
          description: Conditions that must all hold, such as speedKmh>50 or door==open; a name alone asks for what exists
          schema: { type: array, items: { type: string }, maxItems: 16 }
          example: ["speedKmh>50"]
        - name: fields
          in: query
          description: Only these values
          style: form
          explode: false
          schema: { type: array, items: { type: string }, maxItems: 64 }
        - name: lastEventId
          in: query
          description: Go on after this id instead of from
          schema: { type: string }
        - name: Last-Event-ID
          in: header
          description: The same as lastEventId, and wins; an EventSource sends it
          schema: { type: string }
      responses:
        "200":
          description: Events, until the client leaves or the gateway goes down
          content:
            text/event-stream:
              schema: { type: string }
        "400": { $ref: "#/components/responses/BadParameter" }
        "401": { $ref: "#/components/responses/Refused" }
        "403": { $ref: "#/components/responses/Refused" }
        "503": { $ref: "#/components/responses/Later" }

  /api/v1/quarantine:
    get:
      summary: Packets that could not be read, the newest first
      description: About 1 MiB at most. Long payloads are cut to their beginning; ask for one packet to have the whole.
      operationId: listQuarantine
      parameters:
        - { $ref: "#/components/parameters/limit" }
        - { $ref: "#/components/parameters/before" }
        - { $ref: "#/components/parameters/since" }
        - { $ref: "#/components/parameters/topic" }
        - { $ref: "#/components/parameters/format" }
      responses:
        "200":
          description: The packets
          content:
            application/json:
              schema:
                type: object
                required: [packets]
                additionalProperties: false
                properties:
                  packets: { type: array, items: { $ref: "#/components/schemas/Packet" } }
        "400": { $ref: "#/components/responses/BadParameter" }
        "503": { $ref: "#/components/responses/Later" }

  /api/v1/quarantine/{id}:
    get:
      summary: One such packet with its whole payload
      operationId: showQuarantined
      parameters:
        - name: id
          in: path
          required: true
          schema: { type: integer, minimum: 0 }
      responses:
        "200":
          description: The packet
          content:
            application/json:
              schema: { $ref: "#/components/schemas/Packet" }
        "404": { $ref: "#/components/responses/NotFound" }
        "503": { $ref: "#/components/responses/Later" }

  /api/v1/quarantine/retry:
    post:
      summary: Reads such packets again, the oldest first, and stores what can be read now
      operationId: retryQuarantine
      parameters:
        - { $ref: "#/components/parameters/limit" }
        - { $ref: "#/components/parameters/before" }
        - { $ref: "#/components/parameters/since" }
        - { $ref: "#/components/parameters/topic" }
        - { $ref: "#/components/parameters/format" }
      responses:
        "200":
          description: What became of each
          content:
            application/json:
              schema:
                type: object
                required: [packets]
                additionalProperties: false
                properties:
                  packets:
                    type: array
                    items:
                      type: object
                      required: [id, topic, readings, rejected]
                      properties:
                        id: { type: integer }
                        topic: { type: string }
                        readings: { type: array, items: { type: object } }
                        rejected: { type: [string, "null"], description: Why it stays in quarantine }
        "400": { $ref: "#/components/responses/BadParameter" }
        "403": { $ref: "#/components/responses/Refused" }
        "503": { $ref: "#/components/responses/Later" }

  /api/v1/openapi.yaml:
    get:
      summary: This document
      operationId: openapi
      responses:
        "200":
          description: OpenAPI 3.1
          content:
            application/yaml:
              schema: { type: string }

  /healthz:
    get:
      summary: Whether the process lives
      operationId: healthz
      responses:
        "200":
          description: It does
          content:
            application/json:
              schema:
                type: object
                required: [status]
                properties: { status: { const: ok } }

  /readyz:
    get:
      summary: Whether readings are taken and stored
      operationId: readyz
      responses:
        "200":
          description: They are
          content:
            application/json:
              schema:
                type: object
                required: [status, epoch, head, oldest]
                properties:
                  status: { const: ready }
                  epoch: { type: string, description: Names the log's life }
                  head: { type: integer, minimum: 0, description: Sequence number of the newest reading }
                  oldest: { type: integer, minimum: 1, description: Of the oldest that is kept; head + 1 if none is }
                  warnings: { type: array, items: { type: string } }
        "503":
          description: They are not, and why
          content:
            application/json:
              schema:
                type: object
                required: [status, problems]
                properties:
                  status: { const: degraded }
                  problems: { type: array, items: { type: string }, minItems: 1 }
                  warnings: { type: array, items: { type: string } }

  /metrics:
    get:
      summary: Figures in Prometheus' text format
      operationId: metrics
      responses:
        "200":
          description: The figures
          content:
            text/plain:
              schema: { type: string }

components:
  parameters:
    filter:
      name: filter
      in: query
      description: "An MQTT topic filter: + is one level (%2B in a URL), # the rest (%23)"
      schema: { type: string, default: "#" }
      example: gps/#
    limit:
      name: limit
      in: query
      schema: { type: integer, minimum: 1, maximum: 1000, default: 100 }
    before:
      name: before
      in: query
      description: Only ids below this one
      schema: { type: integer, minimum: 0 }
    since:
      name: since
      in: query
      description: Only ids above this one
      schema: { type: integer, minimum: 0 }
    topic:
      name: topic
      in: query
      description: Only MQTT topics that match this filter
      schema: { type: string }
    format:
      name: format
      in: query
      description: Only packets that this format tried; empty for those that no format claims
      schema: { type: string }
  responses:
    BadParameter:
      description: A parameter is wrong; the error names it and the remedy
      content: { application/json: { schema: { $ref: "#/components/schemas/Error" } } }
    Refused:
      description: This client may not do this
      content: { application/json: { schema: { $ref: "#/components/schemas/Error" } } }
    NotFound:
      description: There is no such thing
      content: { application/json: { schema: { $ref: "#/components/schemas/Error" } } }
    Later:
      description: Not now; the same request may succeed later
      content: { application/json: { schema: { $ref: "#/components/schemas/Error" } } }
  schemas:
    Error:
      type: object
      required: [error]
      additionalProperties: false
      properties: { error: { type: string, minLength: 1 } }
    Reading:
      type: object
      required: [seq, topic, time, values]
      additionalProperties: false
      properties:
        seq: { type: integer, minimum: 1, description: Of the newest reading that contributed }
        topic: { type: string }
        time: { $ref: "#/components/schemas/Time" }
        values: { type: object, description: Values by name; the unit is in the name }
        times:
          type: object
          description: Time of observation of each value that is older than time
          additionalProperties: { $ref: "#/components/schemas/Time" }
        attrs: { type: object, description: Remarks that are not measurements }
    Packet:
      type: object
      required: [id, receivedAt, topic, client, format, reason, payloadBytes, payloadBase64]
      additionalProperties: false
      properties:
        id: { type: integer, minimum: 1 }
        receivedAt: { $ref: "#/components/schemas/Time" }
        topic: { type: string }
        client: { type: [string, "null"], description: Who sent it, null if nobody is known }
        format: { type: [string, "null"], description: The format that tried, null if none claims the topic }
        reason: { type: string }
        payloadBytes: { type: integer, minimum: 0, description: Length of the whole payload }
        payloadBase64: { type: string }
    Time: { type: string, pattern: "^\\\\d{4}-\\\\d{2}-\\\\d{2}T\\\\d{2}:\\\\d{2}:\\\\d{2}\\\\.\\\\d{3}Z$" }
`;
