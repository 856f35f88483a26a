"""Listens on the bed's switch and writes down what a node answers to: ARP, service ports, and name updates.

Run in the bed's network as `python -m support.returns.wire OUT`. One line for each frame that says where somebody is:
ARP of every kind, the second packet of a TCP connection to a service, a DNS UPDATE.
"""

from __future__ import annotations

import ipaddress
import socket
import struct
import sys
from pathlib import Path

from support.bed import layout
from support.bed.evidence import Journal

ALL_FRAMES = 0x0003
SOL_PACKET, PACKET_ADD_MEMBERSHIP, PACKET_MR_PROMISC = 263, 1, 1
ARP, IPV4 = 0x0806, 0x0800
TCP, UDP = 6, 17
SYN_ACK = 0x12
SERVICE_PORTS = frozenset({80, 5432})
DNS_PORT, OPCODE_UPDATE = 53, 5


def main() -> None:
    """Listen until the bed goes down."""
    journal = Journal(Path(sys.argv[1]))
    listening = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ALL_FRAMES))
    listening.bind((layout.BRIDGE, 0))
    index = socket.if_nametoindex(layout.BRIDGE)
    # Frames between the nodes pass the switch's own end only so.
    listening.setsockopt(SOL_PACKET, PACKET_ADD_MEMBERSHIP, struct.pack("IHH8s", index, PACKET_MR_PROMISC, 0, b""))
    journal.write(event="listening")
    while True:
        frame = listening.recv(65536)
        said = told(frame)
        if said is not None:
            journal.write(**said)


def told(frame: bytes) -> dict[str, object] | None:
    """Return what a frame says of where somebody is, or None."""
    kind = int.from_bytes(frame[12:14], "big")
    if kind == ARP and len(frame) >= 42:
        sender, target = (str(ipaddress.ip_address(frame[at : at + 4])) for at in (28, 38))
        operation = int.from_bytes(frame[20:22], "big")
        return {"event": "arp", "mac": frame[22:28].hex(":"), "sender": sender, "target": target, "op": operation}
    if kind != IPV4:
        return None
    return _packet(frame[14:])


def _packet(packet: bytes) -> dict[str, object] | None:
    header = (packet[0] & 0x0F) * 4
    source = str(ipaddress.ip_address(packet[12:16]))
    body = packet[header:]
    if packet[9] == TCP and len(body) >= 20 and body[13] & SYN_ACK == SYN_ACK:
        port = int.from_bytes(body[0:2], "big")
        return {"event": "accepts", "source": source, "port": port} if port in SERVICE_PORTS else None
    if packet[9] == UDP and len(body) >= 20 and int.from_bytes(body[2:4], "big") == DNS_PORT:
        opcode = (body[10] >> 3) & 0x0F
        return {"event": "name-update", "source": source} if opcode == OPCODE_UPDATE else None
    return None


if __name__ == "__main__":
    main()
