"""As much of MessagePack as the stream protocol uses (https://github.com/msgpack/msgpack/blob/master/spec.md)."""

import struct

MAX_DEPTH = 64


class Truncated(ValueError):
    """The bytes end in the middle of a value."""


def decode_all(data):
    """The values that lie end to end in `data`. Raises ValueError if it is not MessagePack."""
    values = []
    at = 0
    while at < len(data):
        value, at = _decode(data, at, 0)
        values.append(value)
    return values


# Tag: the struct format of the number behind it.
_NUMBERS = {
    0xCA: ">f", 0xCB: ">d", 0xCC: ">B", 0xCD: ">H", 0xCE: ">I", 0xCF: ">Q",
    0xD0: ">b", 0xD1: ">h", 0xD2: ">i", 0xD3: ">q",
}
_CONSTANTS = {0xC0: None, 0xC2: False, 0xC3: True}
# Tag: what follows, and the struct format of its length.
_SIZED = {
    0xC4: ("bin", ">B"), 0xC5: ("bin", ">H"), 0xC6: ("bin", ">I"),
    0xD9: ("str", ">B"), 0xDA: ("str", ">H"), 0xDB: ("str", ">I"),
    0xDC: ("array", ">H"), 0xDD: ("array", ">I"), 0xDE: ("map", ">H"), 0xDF: ("map", ">I"),
}


def _decode(data, at, depth):
    if depth > MAX_DEPTH:
        raise ValueError(f"nested deeper than {MAX_DEPTH} levels")
    (tag,), at = _take(data, at, ">B")
    if tag < 0x80:
        return tag, at
    if tag >= 0xE0:
        return tag - 0x100, at
    if tag in _CONSTANTS:
        return _CONSTANTS[tag], at
    if tag in _NUMBERS:
        (number,), at = _take(data, at, _NUMBERS[tag])
        return number, at
    if tag < 0x90:
        kind, size = "map", tag & 0x0F
    elif tag < 0xA0:
        kind, size = "array", tag & 0x0F
    elif tag < 0xC0:
        kind, size = "str", tag & 0x1F
    elif tag in _SIZED:
        kind, size_format = _SIZED[tag]
        (size,), at = _take(data, at, size_format)
    else:
        raise ValueError(f"tag 0x{tag:02x} is not used by the protocol")
    return _decode_sized(data, at, kind, size, depth)


def _decode_sized(data, at, kind, size, depth):
    # Every item takes a byte or more: a lie about the size costs nothing.
    if size > len(data) - at:
        raise Truncated(f"{kind} of {size} at byte {at}, and {len(data) - at} bytes left")
    if kind == "str":
        return data[at:at + size].decode("utf-8"), at + size
    if kind == "bin":
        return bytes(data[at:at + size]), at + size
    if kind == "array":
        items = []
        for _ in range(size):
            item, at = _decode(data, at, depth + 1)
            items.append(item)
        return items, at
    entries = {}
    for _ in range(size):
        key, at = _decode(data, at, depth + 1)
        if not isinstance(key, str):
            raise ValueError("a key of a map is not text")
        entries[key], at = _decode(data, at, depth + 1)
    return entries, at


def _take(data, at, number_format):
    end = at + struct.calcsize(number_format)
    if end > len(data):
        raise Truncated(f"the bytes end at {len(data)}, {end} were expected")
    return struct.unpack_from(number_format, data, at), end


def encode(value):
    """The bytes of a request: maps, lists, text, bytes, numbers, booleans and None."""
    if value is None:
        return b"\xc0"
    if value is True or value is False:
        return b"\xc3" if value else b"\xc2"
    if isinstance(value, int):
        return _encode_int(value)
    if isinstance(value, float):
        return struct.pack(">Bd", 0xCB, value)
    if isinstance(value, str):
        text = value.encode("utf-8")
        return _head(len(text), 0xA0, 32, (0xD9, 0xDA, 0xDB)) + text
    if isinstance(value, bytes):
        return _head(len(value), None, 0, (0xC4, 0xC5, 0xC6)) + value
    if isinstance(value, (list, tuple)):
        return _head(len(value), 0x90, 16, (None, 0xDC, 0xDD)) + b"".join(map(encode, value))
    if isinstance(value, dict):
        entries = b"".join(encode(key) + encode(item) for key, item in value.items())
        return _head(len(value), 0x80, 16, (None, 0xDE, 0xDF)) + entries
    raise TypeError(f"{type(value).__name__} has no place in a request")


def _head(size, fixed_tag, fixed_limit, tags):
    if size < fixed_limit:
        return bytes([fixed_tag | size])
    for tag, size_format, limit in zip(tags, ("B", "H", "I"), (1 << 8, 1 << 16, 1 << 32)):
        if tag is not None and size < limit:
            return struct.pack(">B" + size_format, tag, size)
    raise ValueError(f"{size} is too long for MessagePack")


def _encode_int(value):
    if 0 <= value < 0x80 or -0x20 <= value < 0:
        return struct.pack(">B", value & 0xFF)
    tags = ((0xCC, "B"), (0xCD, "H"), (0xCE, "I"), (0xCF, "Q")) if value >= 0 else (
        (0xD0, "b"), (0xD1, "h"), (0xD2, "i"), (0xD3, "q"))
    for tag, number_format in tags:
        try:
            return struct.pack(">B" + number_format, tag, value)
        except struct.error:
            continue
    raise ValueError(f"{value} is too large for MessagePack")
