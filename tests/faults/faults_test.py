#!/usr/bin/env python3
"""The fault programme's own parts: a cut happens where it is said to, what brokers' files say is read rightly, no failpoint is left out."""

import re
import socket
import struct
import sys
import threading
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "integration")]

import failpoints  # noqa: E402
from cluster import read_segments  # noqa: E402
from proxy import API, Cut, Proxy, read_frame  # noqa: E402


class Echo:
    """A broker that answers each request with its correlation id, and remembers it."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.got = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        try:
            while True:
                frame = read_frame(connection)
                self.got.append(struct.unpack(">hhi", frame[4:12])[0])
                connection.sendall(struct.pack(">i", 4) + frame[8:12])
        except (EOFError, OSError):
            connection.close()


def ask(connection, api, text=b""):
    """True if the request was answered, False if the connection ended, None if neither."""
    body = struct.pack(">hhi", API[api], 3, 77) + text
    connection.settimeout(1)
    try:
        connection.sendall(struct.pack(">i", len(body)) + body)
        return read_frame(connection)[4:8] == struct.pack(">i", 77)
    except socket.timeout:
        return None
    except (EOFError, OSError):
        return False


class ProxyFails(unittest.TestCase):
    def setUp(self):
        self.broker, self.proxy = Echo(), Proxy()
        self.proxy.target = self.broker.listener.getsockname()
        self.client = socket.create_connection(("127.0.0.1", self.proxy.port))

    def tearDown(self):
        self.proxy.close()
        self.client.close()
        self.broker.listener.close()

    def test_who_comes_before_the_broker_is_turned_away_and_may_come_again(self):
        self.proxy.target = None
        with socket.create_connection(("127.0.0.1", self.proxy.port)) as early:
            self.assertFalse(ask(early, "EndTxn"))
        self.proxy.target = self.broker.listener.getsockname()
        with socket.create_connection(("127.0.0.1", self.proxy.port)) as again:
            self.assertTrue(ask(again, "EndTxn"))

    def test_a_connection_that_has_ended_is_forgotten(self):
        self.assertTrue(ask(self.client, "EndTxn"))
        connection, = self.proxy.connections
        self.client.close()
        for pump in connection.pumps:
            pump.join(5)
        self.assertFalse(self.proxy.connections)

    def test_requests_pass_when_nothing_is_armed(self):
        self.assertTrue(ask(self.client, "EndTxn"))
        self.assertEqual(self.proxy.seen["EndTxn"], 1)

    def test_a_cut_after_delivery_swallows_the_answer_only(self):
        cut = self.proxy.arm(Cut("EndTxn", True, b"-evaluate-"))
        self.assertTrue(ask(self.client, "Produce", b"-evaluate-"))
        self.assertTrue(ask(self.client, "EndTxn", b"app-one-aggregate-000"))
        self.assertFalse(ask(self.client, "EndTxn", b"app-one-evaluate-000"))
        self.assertTrue(cut.done.is_set())
        self.assertEqual(self.broker.got, [API["Produce"], API["EndTxn"], API["EndTxn"]])

    def test_a_cut_before_delivery_keeps_the_request_from_the_broker(self):
        self.proxy.arm(Cut("EndTxn", False))
        self.assertFalse(ask(self.client, "EndTxn"))
        self.assertEqual(self.broker.got, [])

    def test_black_holes_swallow_one_direction_of_an_open_connection(self):
        self.proxy.swallow_requests = True
        self.assertIsNone(ask(self.client, "Fetch"))
        self.assertEqual(self.broker.got, [])
        self.proxy.swallow_requests, self.proxy.swallow_answers = False, True
        self.assertIsNone(ask(self.client, "Fetch"))
        self.assertEqual(self.broker.got, [API["Fetch"]])
        self.proxy.swallow_answers = False
        self.assertTrue(ask(self.client, "Fetch"))
        self.proxy.swallow_answers_to = ("EndTxn",)
        self.assertTrue(ask(self.client, "Fetch"))
        self.assertIsNone(ask(self.client, "EndTxn"))


SEGMENTS = """Dumping /x/data/faults.alerts-1/00000000000000000000.log
Log starting offset: 0
baseOffset: 0 lastOffset: 1 count: 2 producerId: 5 producerEpoch: 0 isTransactional: true isControl: false
| offset: 0 CreateTime: 1 keySize: 16 valueSize: 9 sequence: 0 headerKeys: []
| offset: 1 CreateTime: 1 keySize: 16 valueSize: 9 sequence: 1 headerKeys: []
baseOffset: 2 lastOffset: 2 count: 1 producerId: 6 producerEpoch: 0 isTransactional: true isControl: false
| offset: 2 CreateTime: 1 keySize: 16 valueSize: 9 sequence: 0 headerKeys: []
baseOffset: 3 lastOffset: 3 count: 1 producerId: 5 producerEpoch: 1 isTransactional: true isControl: true
| offset: 3 CreateTime: 1 keySize: 4 valueSize: 6 sequence: -1 headerKeys: [] endTxnMarker: ABORT coordinatorEpoch: 0
baseOffset: 4 lastOffset: 4 count: 1 producerId: 6 producerEpoch: 0 isTransactional: true isControl: true
| offset: 4 CreateTime: 1 keySize: 4 valueSize: 6 sequence: -1 headerKeys: [] endTxnMarker: COMMIT coordinatorEpoch: 0
baseOffset: 5 lastOffset: 5 count: 1 producerId: 6 producerEpoch: 0 isTransactional: true isControl: false
| offset: 5 CreateTime: 1 keySize: 16 valueSize: 9 sequence: 1 headerKeys: []
"""


class BrokerFiles(unittest.TestCase):
    def test_each_record_has_the_outcome_of_its_producers_transaction(self):
        outcomes = {"COMMIT": set(), "ABORT": set(), "open": set()}
        read_segments(SEGMENTS, outcomes)
        self.assertEqual(outcomes, {"COMMIT": {(1, 2)}, "ABORT": {(1, 0), (1, 1)}, "open": {(1, 5)}})


class Failpoints(unittest.TestCase):
    def test_each_that_the_engine_has_is_tried(self):
        switches = (HERE.parents[1] / "engine/base/test_switches.h").read_text()
        block = switches[switches.index("kFailpoints{"):]
        self.assertEqual(set(re.findall(r'Switch\{\s*"(\w+)"', block[:block.index("\n};")])), set(failpoints.ALL))


if __name__ == "__main__":
    unittest.main()
