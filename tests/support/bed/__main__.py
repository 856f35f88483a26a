"""`python -m support.bed`: the bed from a terminal. Without a word on it, the bed lies in build/bed."""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from support.bed import debian, doctor, rootfs
from support.bed.client import Bed, BedFailedError
from support.bed.clock import TimedOutError
from support.bed.description import DIRECTIONS, MODES
from support.bed.layout import NODE_ADDRESSES
from support.bed.wire import HolderFailedError, HolderGoneError

NODE_VERBS = ("power-on", "power-cut", "soft-off", "reboot", "heal", "freeze", "thaw", "ssh")
FAILURES = (BedFailedError, HolderFailedError, HolderGoneError, TimedOutError, debian.RootFailedError)


def main(arguments: list[str] | None = None) -> int:
    """Does what the command line says; returns 1 if it could not be done."""
    options, rest = _parser().parse_known_args(arguments)
    if options.verb == "doctor":
        return doctor.main(rest)
    if rest and options.verb not in ("enter", "ssh"):
        print(f"bed: not understood: {' '.join(rest)}", file=sys.stderr)
        return 2
    try:
        return _do(options, rest)
    except FAILURES as error:
        print(f"bed: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m support.bed", description=__doc__)
    parser.add_argument("--directory", type=Path, default=Path("build/bed"))
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("build", help="put the nodes' root file system into the cache")
    verbs.add_parser("up", help="bring the bed up and leave it running")
    verbs.add_parser("down", help="take it down").add_argument("--keep-disks", action="store_true")
    verbs.add_parser("status", help="say what runs")
    verbs.add_parser("doctor", help="say what this machine lacks; --install installs it", add_help=False)
    verbs.add_parser("enter", help="run a command, or a shell, in the bed's network")
    for verb in NODE_VERBS:
        verbs.add_parser(verb).add_argument("node", choices=sorted(NODE_ADDRESSES))
    cut = verbs.add_parser("cut", help="cut a node's cable")
    cut.add_argument("node", choices=sorted(NODE_ADDRESSES))
    cut.add_argument("direction", choices=DIRECTIONS, nargs="?", default="both")
    mode = verbs.add_parser("bmc", help="make a BMC faulty or honest")
    mode.add_argument("node", choices=sorted(NODE_ADDRESSES))
    mode.add_argument("mode", choices=MODES)
    dns = verbs.add_parser("dns", help="freeze or thaw what the zone says")
    dns.add_argument("state", choices=("freeze", "thaw"))
    return parser


def _do(options: argparse.Namespace, rest: list[str]) -> int:
    match options.verb:
        case "build":
            print(rootfs.ensure())
        case "up":
            _print_status(Bed.up(options.directory, outlive_caller=True))
        case "down":
            Bed.attach(options.directory).down(keep_disks=options.keep_disks)
        case "status":
            _print_status(Bed.attach(options.directory))
        case "enter":
            command = rest or [os.environ.get("SHELL", "/bin/sh")]
            return subprocess.run((*Bed.attach(options.directory).enter, *command), check=False).returncode
        case "bmc":
            Bed.attach(options.directory).bmcs[options.node].set_mode(options.mode)
        case "dns":
            names = Bed.attach(options.directory).dns
            names.freeze() if options.state == "freeze" else names.thaw()
        case _:
            return _do_to_node(options, rest)
    return 0


def _do_to_node(options: argparse.Namespace, rest: list[str]) -> int:
    bed = Bed.attach(options.directory)
    node = bed.nodes[options.node]
    match options.verb:
        case "power-on":
            node.power_on()
        case "power-cut":
            node.power_cut()
        case "soft-off":
            node.soft_off()
        case "reboot":
            node.reboot()
        case "cut":
            node.cut(options.direction)
        case "heal":
            node.heal()
        case "freeze":
            node.freeze()
        case "thaw":
            node.thaw()
        case "ssh":
            return subprocess.run((*bed.enter, *node.ssh_command(*rest)), check=False).returncode
        case _:
            raise AssertionError(options.verb)
    return 0


def _print_status(bed: Bed) -> None:
    print(f"the bed is up: holder {bed.process_id}, evidence in {bed.evidence}")
    print(f"its network: {' '.join(bed.enter)} COMMAND")
    for node in bed.nodes.values():
        account = bed.bmcs[node.name].account
        power = "on" if node.is_on() else "off"
        print(f"node {node.name}: {node.address} {power}; BMC https://{account.host}:{account.port}")


if __name__ == "__main__":
    sys.exit(main())
