"""A TCP proxy in front of a broker that knows just enough of Kafka's protocol to fail at a chosen request.

A request is a length, then api key, version and correlation id; an answer is a length, then the correlation id. So the proxy can end a
connection when it sees, say, EndTxn: before the broker gets it, or after the broker has answered and before the client knows. It can also
swallow all bytes of one direction while the connection stays open (a black hole), and delay them.
"""

import collections
import contextlib
import socket
import struct
import threading
import time

API = {"Produce": 0, "Fetch": 1, "OffsetCommit": 8, "Heartbeat": 12, "InitProducerId": 22, "AddPartitionsToTxn": 24, "AddOffsetsToTxn": 25,
       "EndTxn": 26, "TxnOffsetCommit": 28}
NAMES = {number: name for name, number in API.items()}


class Cut:
    """End the connection at the next request `api` that carries `needle`: delivered and its answer swallowed, or not delivered."""

    def __init__(self, api, delivered, needle=b""):
        self.api, self.delivered, self.needle = API[api], delivered, needle
        self.done = threading.Event()


class Connection:
    def __init__(self, proxy, client):
        self.proxy, self.client = proxy, client
        self.broker = socket.create_connection(proxy.target, timeout=10)
        self.broker.settimeout(None)
        self.waiting = {}  # correlation id -> Cut: its answer is not passed on
        self.asked = {}    # correlation id -> api
        for one in (client, self.broker):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        proxy.connections.add(self)  # before a pump can end and take it out again
        self.pumps = [threading.Thread(target=self.run, args=(pump,), daemon=True) for pump in (self.requests, self.answers)]
        for pump in self.pumps:
            pump.start()

    def run(self, pump):
        with contextlib.suppress(OSError, EOFError):
            pump()
        self.close()

    def close(self):
        for one in (self.client, self.broker):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        self.proxy.connections.discard(self)

    def requests(self):
        while True:
            frame = read_frame(self.client)
            api, _, correlation = struct.unpack(">hhi", frame[4:12])
            self.proxy.seen[NAMES.get(api, str(api))] += 1
            cut = self.proxy.take_cut(api, frame)
            if cut and not cut.delivered:
                cut.done.set()
                return
            if cut:
                self.waiting[correlation] = cut
            self.asked[correlation] = api
            self.proxy.delay()
            if not self.proxy.swallow_requests:
                self.broker.sendall(frame)

    def answers(self):
        while True:
            frame = read_frame(self.broker)
            correlation = struct.unpack(">i", frame[4:8])[0]
            api = self.asked.pop(correlation, None)
            cut = self.waiting.pop(correlation, None)
            if cut:
                cut.done.set()
                return
            self.proxy.delay()
            if not self.proxy.swallow_answers and NAMES.get(api) not in self.proxy.swallow_answers_to:
                self.client.sendall(frame)


def read_exactly(connection, size):
    parts = []
    while size:
        part = connection.recv(min(size, 1 << 16))
        if not part:
            raise EOFError
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def read_frame(connection):
    head = read_exactly(connection, 4)
    return head + read_exactly(connection, struct.unpack(">i", head)[0])


class Proxy:
    """Listens from the beginning; `target` is set when the broker is there, and who comes before is turned away."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=1024)  # after a cut all come back at once
        self.port = self.listener.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        self.target = None
        self.connections = set()
        self.seen = collections.Counter()  # requests by name
        self.swallow_requests = self.swallow_answers = False
        self.swallow_answers_to = ()  # names of requests
        self.delay_s = 0.0
        self._cut, self._lock = None, threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            try:
                if self.target is None:
                    raise ConnectionRefusedError
                Connection(self, client)
            except OSError:
                client.close()  # the broker is not there

    def delay(self):
        if self.delay_s:
            time.sleep(self.delay_s)

    def arm(self, cut):
        with self._lock:
            self._cut = cut
        return cut

    def disarm(self):
        self.arm(None)

    def take_cut(self, api, frame):
        with self._lock:
            cut = self._cut
            if cut is None or cut.api != api or cut.needle not in frame:
                return None
            self._cut = None
            return cut

    def cut_all(self):
        for connection in list(self.connections):
            connection.close()

    def close(self):
        self.listener.close()
        self.cut_all()
