"""Follows a subscription of a Fieldcast gateway and prints one JSON line for each reading, through any loss of the connection.

It is the second client of the stream protocol, written from src/wire/PROTOCOL.md alone and with Python's standard library
only, so that the document is known to be enough. Lines: a reading as it is in JSON; `{"snapshot":[READING…]}` when the
snapshot is complete; `{"gap":{"reason":…,"from":…,"to":…}}`. What happens to the connection goes to standard error.
"""

import argparse
import json
import random
import sys
import time

from protocol import JsonCodec, MsgpackCodec
from websocket import ConnectionLost, Refused, WebSocket

CODECS = {"json": JsonCodec, "msgpack": MsgpackCodec}
SUBSCRIPTION_ID = 1
FIRST_BACKOFF_S = 0.1
# The error codes that PROTOCOL.md says may succeed later.
AGAIN_LATER = {"log-unavailable", "too-many-publishes", "unauthorized"}


class GiveUp(Exception):
    """Trying again would fail again."""


class Follower:
    """One subscription and the cursor that it has reached; connections come and go."""

    def __init__(self, options, show):
        self.options = options
        self.cursor = options.cursor
        self._show = show
        # This connection has answered the subscription.
        self._subscribed = False
        # While a snapshot arrives in parts: its readings so far, and the cursor that counts after the last part.
        self._snapshot = None
        self._snapshot_cursor = None

    def run(self):
        """Never returns. Raises GiveUp."""
        backoff_s = FIRST_BACKOFF_S
        while True:
            self._subscribed = False
            try:
                self._follow_once()
            except ConnectionLost as lost:
                if lost.code is not None and (lost.code >= 4500 or lost.code == 1009):
                    raise GiveUp(str(lost)) from lost
                problem = lost
            except Refused as refused:
                if refused.status != 503:
                    raise GiveUp(str(refused)) from refused
                problem = refused
            if self._subscribed:
                backoff_s = FIRST_BACKOFF_S
            print(f"{problem}; again from {self.cursor}", file=sys.stderr, flush=True)
            time.sleep(backoff_s * random.uniform(0.5, 1))
            backoff_s = min(backoff_s * 2, self.options.max_backoff_s)

    def _follow_once(self):
        options = self.options
        codec = CODECS[options.protocol]()
        connection = WebSocket(options.host, options.port, "/stream", codec.subprotocol, options.timeout_s)
        try:
            self._snapshot = None
            start = options.start if self.cursor is None else {"cursor": self.cursor}
            request = {"type": "subscribe", "id": SUBSCRIPTION_ID, "filter": options.filter, "from": start}
            connection.send(codec.encode(request))
            while True:
                message = codec.decode(connection.receive())
                if message is None:
                    continue
                if options.trace:
                    print(f"message {message['type']}", file=sys.stderr, flush=True)
                self._take(message, connection)
        finally:
            connection.close()

    def _take(self, message, connection):
        kind = message["type"]
        if kind == "welcome":
            # Something comes at least this often; twice as long in silence is a dead connection.
            connection.silence_limit_s = 2 * message["heartbeatMs"] / 1000
        elif kind == "readings":
            for reading in message["readings"]:
                self._show(reading)
            self._advance(message["cursor"])
        elif kind == "heartbeat":
            # Before `subscribed` it speaks of a connection without subscriptions, and its cursor is no place of ours.
            if "cursor" in message and self._snapshot is None and self._subscribed:
                self._advance(message["cursor"])
        elif kind == "gap":
            # The snapshot that comes behind it brings the new cursor; until it is complete the old one stands.
            self._show({"gap": {key: message[key] for key in ("reason", "from", "to")}})
        elif kind == "subscribed":
            self._subscribed = True
            if "snapshot" in message:
                self._snapshot, self._snapshot_cursor = [], message["cursor"]
                self._add_to_snapshot(message)
            else:
                self._advance(message["cursor"])
        elif kind == "snapshot":
            self._add_to_snapshot(message)
        elif kind == "error":
            self._fail(message)

    def _add_to_snapshot(self, message):
        self._snapshot += message["snapshot"]
        if message.get("more"):
            return
        self._show({"snapshot": self._snapshot})
        self._advance(self._snapshot_cursor)
        self._snapshot = None

    def _advance(self, cursor):
        self.cursor = cursor

    def _fail(self, message):
        problem = f"{message['code']}: {message['message']}"
        if message["code"] in AGAIN_LATER:
            raise ConnectionLost(problem)
        raise GiveUp(problem)


def read_options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--filter", default="#", help="an MQTT topic filter")
    parser.add_argument("--protocol", choices=sorted(CODECS), default="msgpack")
    parser.add_argument("--start", choices=["latest", "now"], default="latest", help="where to begin without a cursor")
    parser.add_argument("--cursor", help="where to begin: a cursor of an earlier run")
    parser.add_argument("--timeout-s", type=float, default=5, help="longest wait for a connection and its welcome")
    parser.add_argument("--max-backoff-s", type=float, default=10)
    parser.add_argument("--trace", action="store_true", help="name every message on standard error")
    return parser.parse_args()


def print_line(line):
    print(json.dumps(line, separators=(",", ":"), ensure_ascii=False), flush=True)


def main():
    try:
        Follower(read_options(), print_line).run()
    except GiveUp as reason:
        print(f"given up: {reason}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(main())
