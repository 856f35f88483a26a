"""A page over TLS on a node, beside the pair's services, with a certificate that ends when it is told to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from maestro_operator.clock import SystemClock

if TYPE_CHECKING:
    from support.bed import Node
    from support.tls_page.authority import Authority

PORT = 443
_FOLDER = "/usr/local/lib/tls-page"


def serve(node: Node, authority: Authority, *, ends_in_days: int) -> None:
    """Serves the page on a node; one that is served already gets a new certificate."""
    both = authority.signed(node.address, now=SystemClock().now(), ends_in_days=ends_in_days)
    node.push(f"{_FOLDER}/web.py", (Path(__file__).parent / "web.py").read_bytes(), mode=0o644)
    node.push(f"{_FOLDER}/page.pem", both, mode=0o600)
    unit = f"[Service]\nExecStart=/usr/bin/python3 {_FOLDER}/web.py {_FOLDER}/page.pem {PORT}\n"
    node.push("/etc/systemd/system/page.service", f"{unit}[Install]\nWantedBy=multi-user.target\n".encode(), mode=0o644)
    node.run("systemctl daemon-reload && systemctl enable --quiet page && systemctl restart page")
