"""From sessions chosen for how they begin, end or are addressed to `close.pcap`, and of DNS to `dns.pcap`.

`close.pcap`: resumed sessions, a HelloRetryRequest, a client certificate, a refused connection, a reset in the
middle, ping, UDP to a closed port, IPv6, plain HTTP; at the end the first session once more inside VLAN 100 (the copied
frames get an 802.1Q tag and are moved by a minute; nothing else in it is edited).
`dns.pcap`: A, AAAA, HTTPS (65), TXT, PTR and names that do not exist, over UDP and TCP.
Needs Debian's bind9-dnsutils, netcat-openbsd and iputils-ping beside what lab.py needs.
"""

import shutil
import sys

from clients import PCAPS
from lab import RESOLVER, Lab, addresses, read_capture, write_capture

HOST = "10.20.0.66"
VLAN_100 = b"\x81\x00\x00\x64"

# Reads part of an answer and closes with the rest unread, lingering not at all: a RST.
RESET = """
import socket, ssl, struct
s = socket.create_connection(('packages.example.net', 443))
s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
t = ssl.create_default_context().wrap_socket(s, server_hostname='packages.example.net')
t.sendall(b'GET /package.bin HTTP/1.1\\r\\nHost: packages.example.net\\r\\n\\r\\n')
t.recv(10)
t.close()
"""
QUESTIONS = [
    ["discord.com", "A"], ["discord.com", "AAAA"], ["discord.com", "TYPE65"], ["v6.lab.example", "AAAA"],
    ["python.example.net", "TXT"], ["no-such-name.lab.example", "A"], ["-x", "162.159.128.233"],
]


def sessions(lab):
    """The commands of close.pcap, in order."""
    d = lab.dir

    def client(name, *more):
        return ["openssl", "s_client", "-connect", f"{name}:443", "-servername", name, *more]

    return [
        ["curl", "-sS", "-o", "/dev/null", "https://python.example.net/package.bin"],
        client("github.com", "-tls1_2", "-reconnect"),
        ["sh", "-c", "sleep 1 | openssl s_client -connect github.com:443 -servername github.com "
         f"-tls1_3 -sess_out {d}/session"],
        client("github.com", "-tls1_3", "-sess_in", f"{d}/session"),
        ["curl", "-sS", "-o", "/dev/null", "https://p384.lab.example/"],
        ["curl", "-sS", "-o", "/dev/null", "--cert", f"{d}/tapir-client.pem", "--key",
         f"{d}/tapir-client.key", "https://client-cert.lab.example/"],
        ["curl", "-sS", "-o", "/dev/null", "--tls-max", "1.2", "--cert", f"{d}/tapir-client.pem",
         "--key", f"{d}/tapir-client.key", "https://client-cert.lab.example/"],
        ["nc", "-z", "-w", "2", "python.example.net", "8443"],
        ["/usr/bin/python3", "-c", RESET],
        ["ping", "-c", "2", "-i", "0.2", "python.example.net"],
        ["sh", "-c", "echo tapir | nc -u -w 1 python.example.net 9999"],
        ["curl", "-6", "-sS", "-o", "/dev/null", "https://v6.lab.example/"],
        ["ping", "-6", "-c", "1", "v6.lab.example"],
        ["curl", "-sS", "-o", "/dev/null", "http://www.debian.org/package.bin"],
    ]


def tag(frame):
    """The frame with an 802.1Q tag before its EtherType."""
    return frame[:12] + VLAN_100 + frame[12:]


def main():
    for tool in ("dig", "nc", "ping"):
        if not shutil.which(tool):
            sys.exit(f"{tool} is missing: apt-get install bind9-dnsutils netcat-openbsd iputils-ping")
    with Lab([HOST]) as lab:
        capture = lab.record(f"{PCAPS}/close.pcap")
        for command in sessions(lab):
            lab.run(HOST, command)
        lab.stop(capture)
        capture = lab.record(f"{PCAPS}/dns.pcap")
        for over in ([], ["+tcp"]):
            for question in QUESTIONS:
                lab.run(HOST, ["dig", f"@{RESOLVER}", *over, *question])
        lab.stop(capture)
    frames = read_capture(f"{PCAPS}/close.pcap")
    first = [f for f in frames if "151.101.0.223" in addresses(f[1])]
    end_of_first = next(f[0] for f in frames if "140.82.121.3" in addresses(f[1]))
    tagged = [(at + 60_000_000, tag(f), wire + 4) for at, f, wire in first if at < end_of_first]
    write_capture(f"{PCAPS}/close.pcap", frames + tagged)
    print(f"{len(frames)} frames, {len(tagged)} of them again inside a VLAN")


if __name__ == "__main__":
    sys.exit(main())
