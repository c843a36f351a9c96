"""What a scenario works on: one broker or three, perhaps behind a proxy, and the service, whose processes are started anew when they end."""

import base64
import collections
import concurrent.futures
import os
import random
import socket
import subprocess
import tempfile
from pathlib import Path

from harness import ROOT, Broker, Failure, Service

FAULTS_BIN = ROOT / "build/faults/bin"  # with failpoints


class Brokers(Broker):
    """Three brokers on this machine: topics have three replicas, of which two must be in step."""

    COUNT = 3

    def __enter__(self):
        self.directory = Path(tempfile.mkdtemp(prefix="tocsin-brokers-"))
        ports = free_even_ports(self.COUNT)
        voters = ",".join(f"{n}@127.0.0.1:{port + 1}" for n, port in enumerate(ports, 1))
        cluster = "T" + base64.urlsafe_b64encode(os.urandom(16)).decode()[1:22]
        self.nodes = []
        for n, port in enumerate(ports, 1):
            node = Broker(*self.options, "--node", str(n), "--voters", voters, "--cluster", cluster, "--heap", "300m")
            node.directory = self.directory / str(n)
            node.bootstrap = f"127.0.0.1:{port}"
            self.nodes.append(node)
        try:
            with concurrent.futures.ThreadPoolExecutor(self.COUNT) as pool:
                list(pool.map(lambda pair: pair[0].start("--port", str(pair[1])), zip(self.nodes, ports)))
        except BaseException:
            self.__exit__()  # those that did start; nobody else will
            raise
        self.bootstrap = ",".join(node.bootstrap for node in self.nodes)
        return self

    def kill(self):
        for node in self.nodes:
            node.kill()


def free_even_ports(count):
    ports = []
    while len(ports) < count:
        port = random.randrange(20000, 32000, 2)
        if all(is_free(p) for p in (port, port + 1)) and port not in ports:
            ports.append(port)
    return ports


def is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


class ProxiedBroker(Broker):
    """One broker that the service reaches through `proxy` only; feeder and reader go to it directly."""

    def __init__(self, proxy, *options):
        super().__init__(*options, "--via", str(proxy.port))
        self.proxy = proxy

    def __enter__(self):
        super().__enter__()
        host, port = (self.directory / "behind-proxy").read_text().strip().split(":")
        self.proxy.target = (host, int(port))
        return self


class Supervised(Service):
    """Starts processes again that ended, as a supervisor outside would, and counts what ended without having been told to."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.ended = collections.Counter()  # exit code -> processes that ended by themselves
        self.away = set()                   # processes that shall not run now

    def check_alive(self):
        for process in self.processes:
            if process in self.away or process.alive():
                continue
            code = process.process.returncode
            if code != -9:  # else it was killed
                self.ended[code] += 1
                process.log_path.open("a").write(f"--- ended by itself with {code}; started again ---\n")
            process.environment.pop("TOCSIN_FAILPOINT", None)
            process.start()

    def kill(self):
        for process in self.processes:
            if process.alive():
                process.resume()
                process.kill()

    def last_statuses(self):
        running = {p.instance for p in self.processes if p not in self.away}
        return [s for s in super().last_statuses() if s["instance"] in running]

    def last_status(self):
        everyone = self.processes
        self.processes = [p for p in everyone if p not in self.away]
        try:
            return super().last_status()
        finally:
            self.processes = everyone

    def stop(self):
        return max((p.stop() for p in self.processes if p.alive()), default=0)


def nodes_of(broker):
    """The brokers of a cluster, or the only one."""
    return getattr(broker, "nodes", [broker])


def records_of(broker, topic):
    """(partition, offset, key, value) of all committed records."""
    records = []
    for line in broker.dump_values(topic, "--places"):
        partition, offset, key, value = line.split(b"\t", 3)
        records.append((int(partition), int(offset), key.decode(), value))
    return records


def kafka_tool(name, *arguments):
    """One of Kafka's own command line tools, by its class."""
    script = f'source "{ROOT}/deploy/kafka/java.sh"; kafka_tool "$@"'
    done = subprocess.run(["bash", "-c", script, "kafka_tool", name, *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        raise Failure(f"{name} {' '.join(arguments)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def open_transactions(broker):
    """Transactional ids whose transaction has neither been committed nor rolled back, as Kafka's own tool lists them."""
    text = kafka_tool("org.apache.kafka.tools.TransactionsCommand", "--bootstrap-server", broker.bootstrap, "list")
    states = [line.split() for line in text.splitlines()[1:] if line.strip()]
    return [f"{row[0]} is {row[-1]}" for row in states if row[-1] not in ("CompleteCommit", "CompleteAbort", "Empty", "Dead")]


def offsets_by_outcome(directory, topic):
    """{"COMMIT" | "ABORT" | "open": {(partition, offset)}}: what became of each record, as the broker's own files say."""
    files = sorted(str(path) for path in (directory / "data").glob(f"{topic}-[0-9]*/*.log"))
    if not files:
        raise Failure(f"there is no log of {topic} in {directory}")
    outcomes = {"COMMIT": set(), "ABORT": set(), "open": set()}
    text = kafka_tool("kafka.tools.DumpLogSegments", "--deep-iteration", "--files", ",".join(files))
    read_segments(text, outcomes)
    return outcomes


def read_segments(text, outcomes):
    """What DumpLogSegments prints of files in the order of their offsets, partition after partition."""
    pending = collections.defaultdict(set)  # (partition, producer id) -> offsets of its transaction under way
    partition = producer = None
    for line in text.splitlines():
        words = line.replace("|", " ").split()
        if line.startswith("Dumping "):
            partition = int(words[-1].rsplit("/", 2)[1].rsplit("-", 1)[1])
        elif line.startswith("baseOffset:"):
            producer = words[words.index("producerId:") + 1]
        elif "endTxnMarker:" in words:
            outcomes[words[words.index("endTxnMarker:") + 1]] |= pending.pop((partition, producer), set())
        elif words[:1] == ["offset:"]:
            pending[partition, producer].add((partition, int(words[1])))
    for offsets in pending.values():
        outcomes["open"] |= offsets
