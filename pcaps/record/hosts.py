"""From three hosts that get their addresses by DHCP, and one that lies about its own, to `hosts.pcap`.

A bridge with dnsmasq (DHCPv4, DHCPv6, router advertisements, DNS) and Python's web server, and three hosts:
a laptop with ISC dhclient (versions 4 and 6), a box with busybox udhcpc, and a visitor with udhcpc that is given
the address the laptop released. Each fetches a page. The box announces itself by multicast DNS with one
datagram that this recipe wrote, and at the end the visitor claims the box's address four times, in turn with
the box, with ARP frames that this recipe wrote; everything else is the programs' and the kernel's own.

Needs root, and Debian's iproute2 ethtool tcpdump dnsmasq-base isc-dhcp-client udhcpc curl.
"""

import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

PCAPS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LAN = "tapir-lan"
HOSTS = {"laptop": "02:00:5e:10:00:01", "box": "02:00:5e:10:00:02", "visitor": "02:00:5e:10:00:03"}
TOOLS = ("ip", "ethtool", "tcpdump", "dnsmasq", "dhclient", "udhcpc", "curl")

# What udhcpc calls: it only reports, and the script sets what was leased.
UDHCPC = """#!/bin/sh
case "$1" in
bound|renew) ip addr replace "$ip/24" dev eth0; echo "$ip" > "$LEASED" ;;
deconfig) ip -4 addr flush dev eth0 ;;
esac
"""


def sh(*words, **kw):
    """Runs a command that must succeed."""
    return subprocess.run(words, check=True, stdout=subprocess.DEVNULL, **kw)


def inside(space, *words, **kw):
    return sh("ip", "netns", "exec", space, *words, **kw)


def space(host):
    return f"tapir-{host}"


def remove():
    for name in [LAN, *map(space, HOSTS)]:
        subprocess.run(["ip", "netns", "del", name], stderr=subprocess.DEVNULL, check=False)


def make_network():
    sh("ip", "netns", "add", LAN)
    inside(LAN, "ip", "link", "set", "lo", "up")
    inside(LAN, "ip", "link", "add", "br0", "address", "02:00:5e:10:00:fe", "type", "bridge")
    inside(LAN, "ip", "link", "set", "br0", "up")
    inside(LAN, "ip", "addr", "add", "10.77.0.1/24", "dev", "br0")
    inside(LAN, "ip", "-6", "addr", "add", "fd77::1/64", "dev", "br0", "nodad")
    plain(LAN, "br0")
    for number, (host, mac) in enumerate(HOSTS.items()):
        sh("ip", "netns", "add", space(host))
        sh("ip", "link", "add", "eth0", "netns", space(host), "address", mac,
           "type", "veth", "peer", "name", f"port{number}", "netns", LAN)
        inside(LAN, "ip", "link", "set", f"port{number}", "master", "br0", "up")
        inside(space(host), "ip", "link", "set", "lo", "up")
        inside(space(host), "ip", "link", "set", "eth0", "up")
        plain(LAN, f"port{number}")
        plain(space(host), "eth0")


def plain(name, link):
    """Frames as a wire would carry them: no offload."""
    inside(name, "ethtool", "-K", link, "tso", "off", "gso", "off", "gro", "off", "tx", "off",
           stderr=subprocess.DEVNULL)


def start(name, *words, **kw):
    return subprocess.Popen(["ip", "netns", "exec", name, *words], stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL, **kw)


def servers(d):
    os.mkdir(f"{d}/www")
    with open(f"{d}/www/index.html", "w", encoding="ascii") as f:
        f.write("<!doctype html><title>lan</title>")
    yield start(LAN, "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--interface=br0",
                "--bind-interfaces", "--user=root", f"--pid-file={d}/dnsmasq.pid", f"--dhcp-leasefile={d}/leases",
                "--no-resolv", "--no-hosts", "--domain=lan.example", "--dhcp-authoritative",
                "--dhcp-range=10.77.0.20,10.77.0.29,1h", "--dhcp-sequential-ip", "--enable-ra",
                "--dhcp-range=fd77::100,fd77::1ff,64,1h", "--address=/files.lan.example/10.77.0.1")
    yield start(LAN, sys.executable, "-m", "http.server", "80", "--bind", "10.77.0.1", "-d", f"{d}/www")


def udhcpc(d, host, *words):
    """A lease for `host`; the address that it got."""
    leased = f"{d}/{host}.leased"
    inside(space(host), "udhcpc", "-i", "eth0", "-n", "-q", "-f", "-s", f"{d}/udhcpc.sh", "-x", f"hostname:{host}",
           *words, env={**os.environ, "LEASED": leased}, stderr=subprocess.DEVNULL)
    return open(leased, encoding="ascii").read().strip()


def dhclient(d, version, *words):
    name = space("laptop")
    files = ["-lf", f"{d}/dhclient{version}.leases", "-pf", f"{d}/dhclient{version}.pid", "-cf", f"{d}/dhclient.conf"]
    subprocess.run(["ip", "netns", "exec", name, "timeout", "20", "dhclient", version, "-sf", f"{d}/dhclient.sh",
                    *files, *words, "eth0"], check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


# Sets the address and nothing else: Debian's own script would rewrite this machine's resolv.conf.
DHCLIENT = """#!/bin/sh
case "$reason" in
BOUND|RENEW|REBIND) ip addr replace "$new_ip_address/24" dev eth0 ;;
BOUND6) ip -6 addr replace "$new_ip6_address/64" dev eth0 nodad ;;
RELEASE|EXPIRE|STOP) ip -4 addr flush dev eth0 ;;
esac
exit 0
"""


# What Debian ships, with names of our own.
DHCLIENT_CONF = """
option rfc3442-classless-static-routes code 121 = array of unsigned integer 8;
send host-name "laptop";
send fqdn.fqdn "laptop.lan.example.";
request subnet-mask, broadcast-address, time-offset, routers, domain-name, domain-name-servers,
  dhcp6.name-servers, dhcp6.domain-search, dhcp6.fqdn, dhcp6.sntp-servers, domain-search, host-name,
  netbios-name-servers, netbios-scope, interface-mtu, rfc3442-classless-static-routes, ntp-servers;
"""


def fetch(host):
    inside(space(host), "curl", "-sS", "-o", "/dev/null", "http://10.77.0.1/index.html")


def frame(host, kind, rest):
    """Sends an Ethernet frame from `host` to everybody."""
    code = ("import socket,sys; s=socket.socket(socket.AF_PACKET,socket.SOCK_RAW);"
            "s.bind(('eth0',0)); s.send(bytes.fromhex(sys.argv[1]))")
    mac = bytes.fromhex(HOSTS[host].replace(":", ""))
    inside(space(host), sys.executable, "-c", code, (b"\xff" * 6 + mac + kind + rest).hex())


def claim(host, addr):
    """A gratuitous ARP request (RFC 5227, 3): `host` says that it has `addr`."""
    mac = bytes.fromhex(HOSTS[host].replace(":", ""))
    addr = socket.inet_aton(addr)
    frame(host, b"\x08\x06", b"\0\x01\x08\0\x06\x04\0\x01" + mac + addr + b"\0" * 6 + addr)


def name(text):
    """A name in DNS form."""
    return b"".join(bytes([len(label)]) + label.encode() for label in text.split(".")) + b"\0"


def announce(host, addr):
    """An unsolicited multicast DNS answer (RFC 6762, 8.3): a service, and the host's address."""
    service, own = name("_ipp._tcp.local"), name(f"{host}.local")
    instance = name(f"{host}._ipp._tcp.local")
    records = service + struct.pack(">HHIH", 12, 1, 4500, len(instance)) + instance
    records += own + struct.pack(">HHIH", 1, 0x8001, 120, 4) + socket.inet_aton(addr)
    message = struct.pack(">HHHHHH", 0, 0x8400, 0, 2, 0, 0) + records
    code = ("import socket,sys; s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM);"
            "s.bind((sys.argv[1],5353));"
            "s.setsockopt(socket.IPPROTO_IP,socket.IP_MULTICAST_IF,socket.inet_aton(sys.argv[1]));"
            "s.setsockopt(socket.IPPROTO_IP,socket.IP_MULTICAST_TTL,255);"
            "s.sendto(bytes.fromhex(sys.argv[2]),('224.0.0.251',5353))")
    inside(space(host), sys.executable, "-c", code, addr, message.hex())


def scenes(d):
    dhclient(d, "-4", "-1")
    dhclient(d, "-6", "-1")
    box = udhcpc(d, "box")
    for host in ("laptop", "box"):
        fetch(host)
    announce("box", box)
    laptop = next(line.split()[2] for line in open(f"{d}/leases", encoding="ascii") if HOSTS["laptop"] in line)
    dhclient(d, "-4", "-r")
    time.sleep(1)
    # The laptop is silent from here on.
    visitor = udhcpc(d, "visitor", "-r", laptop)
    print(f"laptop {laptop}, then visitor {visitor}; box {box}")
    fetch("visitor")
    for host in ("box", "visitor") * 4:
        claim(host, box)
        time.sleep(0.2)


def script(path, text):
    with open(path, "w", encoding="ascii") as f:
        f.write(text)
    os.chmod(path, 0o755)


def main():
    if os.geteuid() != 0:
        sys.exit("network namespaces need root: run this as root")
    for tool in TOOLS:
        if not shutil.which(tool):
            sys.exit(f"{tool} is missing: apt-get install {__doc__.split('Debian')[1][3:].strip()[:-1]}")
    d = tempfile.mkdtemp(prefix="tapir-lan-")
    script(f"{d}/udhcpc.sh", UDHCPC)
    script(f"{d}/dhclient.sh", DHCLIENT)
    script(f"{d}/dhclient.conf", DHCLIENT_CONF)
    running = []
    try:
        remove()
        make_network()
        running.extend(servers(d))
        capture = start(LAN, "tcpdump", "-i", "br0", "-n", "-s", "0", "-U", "-Z", "root",
                        "-w", f"{PCAPS}/hosts.pcap")
        running.append(capture)
        time.sleep(3)
        scenes(d)
        time.sleep(1)
        capture.send_signal(signal.SIGINT)
        capture.wait()
    finally:
        for process in running:
            if process.poll() is None:
                process.terminate()
                process.wait()
        remove()
        shutil.rmtree(d, ignore_errors=True)


if __name__ == "__main__":
    main()
