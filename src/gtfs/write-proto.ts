import protobuf from "protobufjs/minimal.js";
import type { ProtoMessage, ScalarKind } from "../formats/protobuf.ts";

type Writer = protobuf.Writer;

/** A message by the names of its descriptor; what is absent or null is not written. */
export interface ProtoObject {
  readonly [name: string]:
    | string
    | number
    | boolean
    | null
    | undefined
    | ProtoObject
    | readonly ProtoObject[];
}

const scalars: Readonly<
  Partial<Record<ScalarKind, { wireType: number; write(to: Writer, value: never): unknown }>>
> = {
  string: { wireType: 2, write: (to, value: string) => to.string(value) },
  bool: { wireType: 0, write: (to, value: boolean) => to.bool(value) },
  int32: { wireType: 0, write: (to, value: number) => to.int32(value) },
  uint32: { wireType: 0, write: (to, value: number) => to.uint32(value) },
  int64: { wireType: 0, write: (to, value: number) => to.int64(value) },
  uint64: { wireType: 0, write: (to, value: number) => to.uint64(value) },
  float: { wireType: 5, write: (to, value: number) => to.float(value) },
};

/** Writes a message by its descriptor, fields in the order of their numbers (protobuf.dev, "Encoding"). */
export function writeProto(message: ProtoMessage, object: ProtoObject): Uint8Array {
  const writer = protobuf.Writer.create();
  writeMessage(writer, message, object);
  return writer.finish();
}

function writeMessage(writer: Writer, message: ProtoMessage, object: ProtoObject): void {
  for (const [number, { name, kind, isRepeated }] of message) {
    const value = object[name];
    if (value === undefined || value === null) continue;
    for (const one of isRepeated ? (value as readonly ProtoObject[]) : [value]) {
      if (typeof kind === "string") {
        const scalar = scalars[kind];
        if (!scalar) throw new Error(`${name}: ${kind} cannot be written`);
        writer.uint32((number << 3) | scalar.wireType);
        scalar.write(writer, one as never);
      } else {
        writer.uint32((number << 3) | 2).fork();
        writeMessage(writer, kind, one as ProtoObject);
        writer.ldelim();
      }
    }
  }
}
