"""Every packet on the bed's switch, taken down beside everything else, without a program of anybody's."""

import contextlib
import ipaddress
import socket
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

from support.bed import Bed, layout

EVERY_PROTOCOL = 0x0003
IPV4, IPV6 = 0x0800, 0x86DD
WITH_PORTS = (socket.IPPROTO_TCP, socket.IPPROTO_UDP)
PATIENCE_SECONDS = 0.2


@dataclass(frozen=True)
class Packet:
    """Who sent something to whom; a protocol without ports has 0 for both."""

    source: str
    target: str
    protocol: int
    source_port: int = 0
    target_port: int = 0


@dataclass
class Capture:
    """What went over the switch so far."""

    packets: list[Packet] = field(default_factory=list)

    def of(self, address: str) -> set[Packet]:
        """Returns everything that a machine sent or was sent."""
        return {packet for packet in self.packets if address in (packet.source, packet.target)}


@contextlib.contextmanager
def capturing(bed: Bed) -> Iterator[Capture]:
    """Takes down what goes over the switch for the length of a block."""
    with bed.network():
        tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(EVERY_PROTOCOL))
    tap.bind((layout.BRIDGE, 0))
    tap.settimeout(PATIENCE_SECONDS)
    ended, capture = threading.Event(), Capture()

    def take_down() -> None:
        while not ended.is_set():
            with contextlib.suppress(TimeoutError):
                packet = parsed(tap.recv(256))
                if packet is not None:
                    capture.packets.append(packet)

    thread = threading.Thread(target=take_down, daemon=True)
    thread.start()
    try:
        yield capture
    finally:
        ended.set()
        thread.join()
        tap.close()


def parsed(frame: bytes) -> Packet | None:
    """Returns an IP packet, None for anything else."""
    (kind,) = struct.unpack("!H", frame[12:14])
    body = frame[14:]
    if kind == IPV4:
        length, protocol = (body[0] & 15) * 4, body[9]
        source, target = ipaddress.ip_address(body[12:16]), ipaddress.ip_address(body[16:20])
    elif kind == IPV6:
        length, protocol = 40, body[6]
        source, target = ipaddress.ip_address(body[8:24]), ipaddress.ip_address(body[24:40])
    else:
        return None
    ports = struct.unpack("!HH", body[length : length + 4]) if protocol in WITH_PORTS else (0, 0)
    return Packet(str(source), str(target), protocol, *ports)
