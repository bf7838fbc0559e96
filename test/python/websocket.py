"""The client's side of the WebSocket protocol (RFC 6455) on a plain TCP socket."""

import base64
import hashlib
import os
import socket
import struct
import time

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3
TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA
MAX_HEADER_BYTES = 16_384
MAX_MESSAGE_BYTES = 16 * 1024 * 1024


class ConnectionLost(Exception):
    """The connection is gone; `code` is that of the server's close frame, if there was one."""

    def __init__(self, problem, code=None):
        super().__init__(problem)
        self.code = code


class Refused(Exception):
    """The server answered the upgrade with an HTTP status other than 101."""

    def __init__(self, status, reason):
        super().__init__(f"HTTP status {status}: {reason}")
        self.status = status


class WebSocket:
    def __init__(self, host, port, path, subprotocol, timeout_s):
        """Connects. Raises Refused or ConnectionLost; the whole handshake takes `timeout_s` at most."""
        self.silence_limit_s = timeout_s
        self._received = bytearray()
        self._deadline = time.monotonic() + timeout_s
        try:
            self._socket = socket.create_connection((host, port), timeout_s)
        except OSError as error:
            raise ConnectionLost(f"no connection: {error}") from error
        try:
            self._shake_hands(f"{host}:{port}", path, subprotocol)
        except BaseException:
            self._socket.close()
            raise

    def receive(self):
        """The next message, `str` or `bytes`. Raises ConnectionLost, also after `silence_limit_s` without a byte."""
        kind = None
        parts = bytearray()
        while True:
            is_last, opcode, payload = self._receive_frame()
            if opcode == PING:
                self._send_frame(PONG, payload)
            elif opcode == CLOSE:
                self._answer_close(payload)
            elif opcode != PONG:
                # 5.4: the first frame of a message says its kind, the others have opcode 0.
                if (kind is None) == (opcode == 0) or opcode not in (0, TEXT, BINARY):
                    raise ConnectionLost(f"frame of opcode {opcode} out of place")
                kind = kind or opcode
                parts += payload
                if len(parts) > MAX_MESSAGE_BYTES:
                    raise ConnectionLost(f"message of more than {MAX_MESSAGE_BYTES} bytes")
                if is_last:
                    return parts.decode("utf-8") if kind == TEXT else bytes(parts)

    def send(self, message):
        """Sends text as a text frame, bytes as a binary one."""
        if isinstance(message, str):
            self._send_frame(TEXT, message.encode("utf-8"))
        else:
            self._send_frame(BINARY, message)

    def close(self):
        """Says goodbye without waiting for an answer."""
        try:
            self._send_frame(CLOSE, struct.pack(">H", 1000))
        except ConnectionLost:
            pass
        self._socket.close()

    def _shake_hands(self, host, path, subprotocol):
        key = base64.b64encode(os.urandom(16)).decode("ascii")
        lines = [
            f"GET {path} HTTP/1.1", f"Host: {host}", "Upgrade: websocket", "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Protocol: {subprotocol}",
        ]
        self._send_all("\r\n".join([*lines, "", ""]).encode("ascii"))
        while b"\r\n\r\n" not in self._received:
            if len(self._received) > MAX_HEADER_BYTES:
                raise ConnectionLost("an endless answer to the upgrade")
            self._receive_more()
        head, _, rest = bytes(self._received).partition(b"\r\n\r\n")
        self._received = bytearray(rest)
        status_line, *header_lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in header_lines)}
        status = status_line.split(" ")[1] if " " in status_line else ""
        if status != "101":
            raise Refused(int(status) if status.isdigit() else 0, rest.decode("utf-8", "replace").strip())
        accept = base64.b64encode(hashlib.sha1((key + GUID).encode("ascii")).digest()).decode("ascii")
        if headers.get("sec-websocket-accept") != accept:
            raise ConnectionLost("the answer to the upgrade is not for our key")
        if headers.get("sec-websocket-protocol") != subprotocol:
            raise ConnectionLost("the server chose another subprotocol than the one offered")

    def _receive_frame(self):
        first, second = self._take(2)
        if first & 0x70 or second & 0x80:
            raise ConnectionLost("a frame with an extension, or a masked one")
        opcode, size = first & 0x0F, second & 0x7F
        if size == 126:
            (size,) = struct.unpack(">H", self._take(2))
        elif size == 127:
            (size,) = struct.unpack(">Q", self._take(8))
        if size > MAX_MESSAGE_BYTES:
            raise ConnectionLost(f"frame of {size} bytes")
        return bool(first & 0x80), opcode, self._take(size)

    def _answer_close(self, payload):
        code = struct.unpack(">H", payload[:2])[0] if len(payload) >= 2 else None
        reason = payload[2:].decode("utf-8", "replace")
        try:
            self._send_frame(CLOSE, payload[:2])
        except ConnectionLost:
            pass
        raise ConnectionLost(f"closed by the server: {code} {reason}", code)

    def _send_frame(self, opcode, payload):
        size = len(payload)
        if size < 126:
            head = struct.pack(">BB", 0x80 | opcode, 0x80 | size)
        elif size < 1 << 16:
            head = struct.pack(">BBH", 0x80 | opcode, 0x80 | 126, size)
        else:
            head = struct.pack(">BBQ", 0x80 | opcode, 0x80 | 127, size)
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
        self._send_all(head + mask + masked)

    def _send_all(self, data):
        try:
            self._socket.settimeout(self.silence_limit_s)
            self._socket.sendall(data)
        except OSError as error:
            raise ConnectionLost(f"cannot send: {error}") from error

    def _take(self, size):
        while len(self._received) < size:
            self._receive_more()
        taken = bytes(self._received[:size])
        del self._received[:size]
        return taken

    def _receive_more(self):
        left_s = self._deadline - time.monotonic()
        if left_s <= 0:
            raise ConnectionLost("silence for too long")
        try:
            self._socket.settimeout(left_s)
            data = self._socket.recv(65_536)
        except OSError as error:
            raise ConnectionLost(f"nothing received: {error}") from error
        if not data:
            raise ConnectionLost("the connection ended without a close frame")
        self._received += data
        self._deadline = time.monotonic() + self.silence_limit_s
