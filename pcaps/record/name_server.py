"""From a question to an answer out of lab.py's table, over UDP and TCP; other names do not exist.

A and AAAA come from the table, type 65 (HTTPS) and others are answered empty with the zone's SOA.
One address to listen on is the argument.
"""

import socket
import socketserver
import struct
import sys
import threading

from lab import NAMES, NAMES_V6

A, SOA, TXT, AAAA, HTTPS = 1, 6, 16, 28, 65


def record(owner, kind, data, ttl=300):
    return owner + struct.pack(">HHIH", kind, 1, ttl, len(data)) + data


def answer(query):
    """The answer to a query with one question; recursion is offered, EDNS is not."""
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1 : at + 1 + query[at]].decode("ascii").lower())
        at += query[at] + 1
    kind = struct.unpack(">H", query[at + 1 : at + 3])[0]
    end, name, same = at + 5, ".".join(labels), b"\xc0\x0c"
    records, authority = [], []
    if kind == A and name in NAMES:
        records.append(record(same, A, socket.inet_aton(NAMES[name])))
    elif kind == AAAA and name in NAMES_V6:
        records.append(record(same, AAAA, socket.inet_pton(socket.AF_INET6, NAMES_V6[name])))
    elif kind == HTTPS and name == "discord.com":
        records.append(record(same, HTTPS, b"\x00\x01\x00\x00\x01\x00\x03\x02h2"))
    elif kind == TXT and name in NAMES:
        records.append(record(same, TXT, b"\x0bv=spf1 -all"))
    else:
        numbers = struct.pack(">5I", 2026110201, 7200, 900, 1209600, 300)
        authority.append(record(same, SOA, b"\x02ns\xc0\x0c\x05admin\xc0\x0c" + numbers))
    rcode = 0 if name in NAMES else 3
    head = struct.pack(">HHHHH", 0x8180 | rcode, 1, len(records), len(authority), 0)
    return query[:2] + head + query[12:end] + b"".join(records) + b"".join(authority)


class Udp(socketserver.BaseRequestHandler):
    def handle(self):
        query, sock = self.request
        sock.sendto(answer(query), self.client_address)


class Tcp(socketserver.StreamRequestHandler):
    def handle(self):
        while len(size := self.rfile.read(2)) == 2:
            reply = answer(self.rfile.read(struct.unpack(">H", size)[0]))
            self.wfile.write(struct.pack(">H", len(reply)) + reply)


socketserver.TCPServer.allow_reuse_address = True
udp = socketserver.ThreadingUDPServer((sys.argv[1], 53), Udp)
tcp = socketserver.ThreadingTCPServer((sys.argv[1], 53), Tcp)
threading.Thread(target=udp.serve_forever, daemon=True).start()
tcp.serve_forever()
