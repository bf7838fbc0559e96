"""Frames of the stream protocol, both subprotocols, read into the messages of JSON. Written from src/wire/PROTOCOL.md."""

import json
from datetime import datetime, timedelta

import msgpack

EPOCH = datetime(1970, 1, 1)
# The key under which a message of each type carries readings.
READINGS_KEY = {"subscribed": "snapshot", "snapshot": "snapshot", "readings": "readings", "view": "entered"}


class JsonCodec:
    """`fieldcast.v1.json`"""

    subprotocol = "fieldcast.v1.json"

    def encode(self, request):
        return json.dumps(request)

    def decode(self, frame):
        return json.loads(frame)


class MsgpackCodec:
    """`fieldcast.v1.msgpack`; one for each connection, because the numbers of topics and shapes belong to it."""

    subprotocol = "fieldcast.v1.msgpack"

    def __init__(self):
        self._epoch = ""
        self._topics = {}
        self._shapes = {}

    def encode(self, request):
        return msgpack.encode(request)

    def decode(self, frame):
        """The message, None for a frame that only teaches or is of a kind that is not known here."""
        header, *bodies = msgpack.decode_all(frame)
        if isinstance(header, dict):
            return self._control(header, bodies)
        kind, *rest = header
        if kind == 0:
            request_id, seq = rest
            readings = [self._reading(body) for body in bodies]
            return {"type": "readings", "id": request_id, "cursor": self._cursor(seq), "readings": readings}
        if kind == 1:
            self._topics.update((number, name) for number, name in bodies)
        elif kind == 2:
            self._shapes.update((number, (names, decimals)) for number, names, decimals in bodies)
        elif kind == 3:
            return {"type": "heartbeat", "cursor": self._cursor(rest[0])} if rest else {"type": "heartbeat"}
        return None

    def _control(self, message, bodies):
        if message["type"] == "welcome":
            self._epoch = message["epoch"]
        if "time" in message:
            message = {**message, "time": iso_time(message["time"])}
        key = READINGS_KEY.get(message["type"])
        if key not in message:
            return message
        if message[key] != len(bodies):
            raise ValueError(f"{message[key]} bodies were announced and {len(bodies)} came")
        return {**message, key: [self._reading(body) for body in bodies]}

    def _cursor(self, seq):
        return f"{self._epoch}:{seq}"

    def _reading(self, body):
        seq, topic, shape, time_ms, *items = body
        if shape == 0:
            values, ages, attrs, *_ = [*items, None, None]
        else:
            names, decimals = self._shapes[shape]
            values = {name: _value(item, places) for name, item, places in zip(names, items, decimals)}
            ages, attrs, *_ = [None, *items[len(names):], None]
        reading = {"seq": seq, "topic": self._topics[topic], "time": iso_time(time_ms), "values": values}
        if ages:
            pairs = zip(values, ages)
            reading["times"] = {name: iso_time(time_ms - age_ms) for name, age_ms in pairs if age_ms > 0}
        if attrs:
            reading["attrs"] = attrs
        return reading


def _value(item, places):
    if places == 0 or isinstance(item, bool) or item is None:
        return item
    if isinstance(item, (int, float)):
        return item / 10**places
    return item[0] if isinstance(item, list) else item


def iso_time(time_ms):
    """ISO 8601 with milliseconds, as the JSON subprotocol has it."""
    moment = EPOCH + timedelta(milliseconds=time_ms)
    return moment.isoformat(timespec="milliseconds") + "Z"
