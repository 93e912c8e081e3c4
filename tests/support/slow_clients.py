"""Clients that send or take next to nothing: how slowhttptest(1) makes them, and the connections that a node counts."""

from __future__ import annotations

from urllib.request import urlopen

from support.bare_gateway import API_KEY, BareGateway
from support.overload import LARGE, PATH

# It knows no option for a header of ours; that of a cookie takes lines.
KEY = ["-j", f"a=1\r\nX-Api-Key: {API_KEY}"]
# -H headers (slowloris), -B bodies (R-U-Dead-Yet), -X slow reading; the path comes last.
SLOW = {
    "headers": ["-H", "-i", "1", "-x", "24", "-u", PATH],
    "bodies": ["-B", "-t", "POST", "-i", "1", "-x", "10", "-s", "8192", *KEY, "-u", PATH],
    "reading": ["-X", "-n", "1", "-z", "16", "-w", "256", "-y", "512", *KEY, "-u", LARGE],
}


def slowhttptest(gateway: BareGateway, kind: str, clients: int, rate: int, seconds: int) -> list[str]:
    """Say what starts so many slow clients, `rate` of them a second."""
    *options, path = SLOW[kind]
    bounds = ["-c", str(clients), "-r", str(rate), "-l", str(seconds), "-p", "3"]
    return ["slowhttptest", *bounds, *options, f"http://127.0.0.1:{gateway.port}{path}"]


def open_connections(gateway: BareGateway) -> int:
    """Connections as the node counts them."""
    with urlopen(f"http://127.0.0.1:{gateway.admin_port}/metrics", timeout=20) as answer:
        lines = answer.read().decode().splitlines()
    return sum(int(line.split()[-1]) for line in lines if line.startswith("portazgo_connections{"))
