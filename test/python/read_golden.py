"""Reads golden frames with the decoder of this folder: one JSON line in, one out.

In: `{"frames":["hex",…],"request":…}`, the frames of one connection in order and the message of a request or null. Out:
`{"message":…,"request":"hex"}`, what the last frame says as in the JSON subprotocol, and the request's bytes.
"""

import json
import sys

import msgpack
from protocol import MsgpackCodec


def with_bytes(request):
    """The request, its payload of `{"hex":…}` as bytes."""
    payload = request.get("payload")
    if not isinstance(payload, dict) or "hex" not in payload:
        return request
    return {**request, "payload": bytes.fromhex(payload["hex"])}


def main():
    for line in sys.stdin:
        case = json.loads(line)
        codec = MsgpackCodec()
        message = None
        for frame in case["frames"]:
            message = codec.decode(bytes.fromhex(frame))
        request = case["request"]
        encoded = None if request is None else msgpack.encode(with_bytes(request)).hex()
        print(json.dumps({"message": message, "request": encoded}))


if __name__ == "__main__":
    main()
