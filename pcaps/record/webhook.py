"""From a morning's work of two networks to `webhook.pcap`, and its part without peers to `webhook-alone.pcap`.

Twenty-six servers (10.20.0.11 to .36) fetch packages, code and pages with ordinary tools and never talk to a
chat service. In the third hour a Python script on one of them, 10.20.0.17, posts to chat webhooks. On the
workstations (10.30.0.21 to .26) people browse; one of them uses the same chat service all morning.

Real programs do this within minutes, one after the other. Each program's run is one piece of the recording,
and every piece is then moved, as a whole, to its moment of the morning (MORNING below): the timestamps of the
capture are made, the order and the distances within a piece are as recorded. A client's bytes are its own.
"""

import os
import random
import sys
import time

from clients import PCAPS, chromium
from lab import Lab, addresses, moment, read_capture, write_capture

MORNING = "2026-11-02T08:00:00"
SERVERS = [f"10.20.0.{n}" for n in range(11, 37)]
DESKS = [f"10.30.0.{n}" for n in range(21, 27)]
SCRIPT_HOST, CHAT_DESK = "10.20.0.17", "10.30.0.21"
MIRRORS = ["packages.example.net", "python.example.net", "files.example.net", "modules.example.net", "github.com",
           "api.github.com"]
SITES = ["en.wikipedia.org", "www.debian.org", "github.com", "www.dropbox.com", "python.example.net"]
WEBHOOKS = {"discord.com": "/api/webhooks/1100/tapir", "hooks.slack.com": "/services/T000/B000/tapir"}

FETCH = "import sys, urllib.request; urllib.request.urlopen(sys.argv[1]).read()"
POST = """
import json, sys, urllib.request
body = json.dumps({sys.argv[2]: 'x' * int(sys.argv[3])}).encode()
headers = {'Content-Type': 'application/json'}
urllib.request.urlopen(urllib.request.Request(sys.argv[1], body, headers)).read()
"""


# Few servers run Python of their own: what half of a role shows would be no evidence on one of them.
PYTHON_HOSTS = SERVERS[::9]


def tools(lab, host, name):
    """What `host`, a server, may run to fetch something from `name`."""
    url = f"https://{name}/package.bin"
    tools = [
        ["curl", "-sS", "-o", "/dev/null", url],
        ["wget", "-q", "-O", "/dev/null", f"--ca-certificate={lab.dir}/ca.pem", url],
        ["openssl", "s_client", "-connect", f"{name}:443", "-servername", name],
    ]
    if host in PYTHON_HOSTS:
        tools.append(["/usr/bin/python3", "-c", FETCH, url])
    return tools


def plan(lab):
    """Every piece: (seconds into the morning, host, command, whether it is left without peers)."""
    rng, pieces = random.Random(1190), []
    for host in SERVERS:
        for start in (180, 2400, 4500, 6300, 8100):
            name = rng.choice(MIRRORS)
            at = start + rng.uniform(0, 900)
            pieces.append((at, host, rng.choice(tools(lab, host, name)), False))
    for n in range(6):
        pieces.append((8520 + n * 47 + rng.uniform(0, 30), SCRIPT_HOST,
                       post("discord.com", "content", 200 + 40 * n), True))
    for n in range(3):
        pieces.append((9000 + n * 90 + rng.uniform(0, 60), SCRIPT_HOST,
                       post("hooks.slack.com", "text", 300), True))
    for at in (900, 2700, 5400, 7500, 8700, 9600):
        pieces.append((at + rng.uniform(0, 300), CHAT_DESK, chromium(lab, "https://discord.com/"),
                       True))
    for host in DESKS[1:]:
        for start in (600, 5000, 8300):
            url = f"https://{rng.choice(SITES)}/"
            pieces.append((start + rng.uniform(0, 2400), host, chromium(lab, url),
                           False))
    return sorted(pieces, key=lambda piece: piece[0])


def post(name, key, size):
    return ["/usr/bin/python3", "-c", POST, f"https://{name}{WEBHOOKS[name]}", key, str(size)]


def main():
    made, moved, alone = f"{PCAPS}/recording.pcap", [], []
    with Lab(SERVERS + DESKS) as lab:
        pieces, spans = plan(lab), []
        capture = lab.record(made)
        for at, host, command, stays in pieces:
            begin = time.time()
            lab.run(host, command)
            time.sleep(0.15)  # the last frames of a piece are in before the next one begins
            spans.append((int(begin * 1e6), int(time.time() * 1e6), int(at * 1e6), host, stays))
        lab.stop(capture)
    frames, start = read_capture(made), moment(MORNING)
    os.remove(made)
    for begin, end, at, host, stays in spans:
        mine = [f for f in frames if begin <= f[0] < end and host in addresses(f[1])]
        if not mine:
            sys.exit(f"{host} sent nothing at {at / 1e6:.0f} s")
        piece = [(f[0] - begin + start + at, f[1], f[2]) for f in mine]
        moved += piece
        if stays:
            alone += piece
    write_capture(f"{PCAPS}/webhook.pcap", moved)
    write_capture(f"{PCAPS}/webhook-alone.pcap", alone)
    print(f"{len(spans)} pieces, {len(moved)} frames of {len(frames)} recorded, {len(alone)} alone")


if __name__ == "__main__":
    sys.exit(main())
