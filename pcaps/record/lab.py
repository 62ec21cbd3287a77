"""From a list of hosts to a small network of namespaces, its servers, and a capture of what crosses it.

Every host is a namespace with an address and a MAC of its own, plugged into one bridge in the namespace
`tapir-tap`. The tap is that bridge: `tcpdump` on it sees every frame. The servers live behind the bridge:
nginx with a certificate for each name (an authority made for the day), and a name server of forty lines.
Nothing leaves the machine: no namespace has a link outwards.

Needs root, and Debian's iproute2 ethtool tcpdump nginx openssl. Folders and namespaces are gone afterwards.
"""

import datetime
import os
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

TAP = "tapir-tap"
RESOLVER = "10.10.0.53"

# Names of services that the catalogue knows, and of ordinary mirrors, all answered by the servers here.
# The addresses stand for the services' own: outside every private prefix, and reachable only in the lab.
NAMES = {
    "packages.example.net": "151.101.2.132",
    "python.example.net": "151.101.0.223",
    "files.example.net": "151.101.0.224",
    "modules.example.net": "104.16.2.34",
    "github.com": "140.82.121.3",
    "api.github.com": "140.82.121.6",
    "discord.com": "162.159.128.233",
    "hooks.slack.com": "3.120.5.17",
    "slack.com": "3.120.5.18",
    "api.telegram.org": "149.154.167.220",
    "graph.microsoft.com": "20.190.160.20",
    "www.dropbox.com": "162.125.66.18",
    "content.dropboxapi.com": "162.125.66.14",
    "en.wikipedia.org": "185.15.59.224",
    "www.debian.org": "151.101.2.131",
    "p384.lab.example": "192.0.2.84",
    "client-cert.lab.example": "192.0.2.85",
    "v6.lab.example": "192.0.2.86",
}
NAMES_V6 = {"v6.lab.example": "2001:db8:53::86"}


def sh(*words, **kw):
    """Runs a command that must succeed."""
    kw.setdefault("stdout", subprocess.DEVNULL)
    return subprocess.run(words, check=True, **kw)


def sign(where, name):
    """A P-256 key and a certificate for `name`, signed by the lab's authority."""
    base = f"{where}/{name}"
    config = f"{base}.ext"
    with open(config, "w", encoding="ascii") as f:
        f.write(f"subjectAltName=DNS:{name}\nextendedKeyUsage=serverAuth,clientAuth\n")
    quiet = {"stderr": subprocess.DEVNULL}
    sh("openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
       "-nodes", "-keyout", f"{base}.key", "-out", f"{base}.csr", "-subj", f"/CN={name}", **quiet)
    sh("openssl", "x509", "-req", "-in", f"{base}.csr", "-CA", f"{where}/ca.pem",
       "-CAkey", f"{where}/ca.key", "-days", "365", "-extfile", config, "-out", f"{base}.crt", **quiet)
    with open(f"{base}.pem", "w", encoding="ascii") as f:
        f.write(open(f"{base}.crt", encoding="ascii").read())
        f.write(open(f"{where}/ca.pem", encoding="ascii").read())


SERVER = """
server {{
  listen {where}443 ssl http2; listen [::]:443 ssl http2; server_name {name};
  ssl_certificate {d}/{name}.pem; ssl_certificate_key {d}/{name}.key; {extra}
  location = /api/webhooks/1100/tapir {{ client_max_body_size 1m; return 204; }}
  location = /services/T000/B000/tapir {{ client_max_body_size 1m; return 200 "ok"; }}
  location / {{ root {d}/www; try_files $uri /page.html; }}
}}
"""

EXTRA = {
    "p384.lab.example": "ssl_ecdh_curve secp384r1;",
    "client-cert.lab.example": "ssl_client_certificate {d}/ca.pem; ssl_verify_client on;",
}

# OpenSSL takes its groups from the socket's default server, so the odd group has an address of its own.
OWN_SOCKET = {"p384.lab.example": NAMES["p384.lab.example"] + ":"}

NGINX = """
user root; worker_processes 1; daemon off; pid {d}/nginx.pid; error_log {d}/error.log;
events {{ worker_connections 256; }}
http {{
  access_log {d}/access.log; keepalive_timeout 5; server_names_hash_bucket_size 128;
  types {{ text/html html; }}
  client_body_temp_path {d}/t1; proxy_temp_path {d}/t2; fastcgi_temp_path {d}/t3;
  uwsgi_temp_path {d}/t4; scgi_temp_path {d}/t5;
  ssl_protocols TLSv1.2 TLSv1.3; ssl_session_cache shared:lab:1m; ssl_session_tickets on;
  server {{ listen 80 default_server; listen [::]:80 default_server; root {d}/www; }}
{servers}
}}
"""


class Lab:
    """The network while it stands: `with Lab(hosts) as lab`."""

    def __init__(self, hosts):
        """hosts: IPv4 addresses within 10.20.0.0/16 or 10.30.0.0/16, one a host."""
        if os.geteuid() != 0:
            sys.exit("network namespaces need root: run this as root")
        for tool in ("ip", "ethtool", "tcpdump", "nginx", "openssl"):
            if not shutil.which(tool):
                sys.exit(f"{tool} is missing: apt-get install iproute2 ethtool tcpdump nginx openssl")
        self.hosts = list(hosts)
        self.dir = tempfile.mkdtemp(prefix="tapir-lab-")
        os.chmod(self.dir, 0o755)
        self.running = []

    @staticmethod
    def space(host):
        return "tapir-" + host.replace(".", "-")

    def __enter__(self):
        try:
            self.remove_namespaces()
            self.make_tap()
            for n, host in enumerate(self.hosts):
                self.make_host(n, host)
            self.make_servers()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for p in reversed(self.running):
            p.send_signal(signal.SIGINT if p.args[-1] == "not arp" else signal.SIGTERM)
            p.wait()
        self.remove_namespaces()
        shutil.rmtree(self.dir, ignore_errors=True)

    def remove_namespaces(self):
        for space in [self.space(h) for h in self.hosts] + [TAP]:
            subprocess.run(["ip", "netns", "del", space], stderr=subprocess.DEVNULL, check=False)
            shutil.rmtree(f"/etc/netns/{space}", ignore_errors=True)

    def tap(self, *words, **kw):
        return sh("ip", "netns", "exec", TAP, *words, **kw)

    def make_tap(self):
        sh("ip", "netns", "add", TAP)
        self.tap("ip", "link", "set", "lo", "up")
        self.tap("ip", "link", "add", "br0", "address", "02:00:0a:14:00:01", "type", "bridge")
        self.tap("sysctl", "-qw", "net.ipv6.conf.br0.accept_dad=0")
        self.tap("ip", "link", "set", "br0", "up")
        self.plain_frames(TAP, "br0")
        for gateway in ("10.20.0.1/16", "10.30.0.1/16"):
            self.tap("ip", "addr", "add", gateway, "dev", "br0")
        self.tap("ip", "-6", "addr", "add", "fd00:20::1/64", "dev", "br0", "nodad")
        for addr in [RESOLVER, *NAMES.values()]:
            self.tap("ip", "addr", "add", f"{addr}/32", "dev", "lo")
        for addr in NAMES_V6.values():
            self.tap("ip", "-6", "addr", "add", f"{addr}/128", "dev", "lo", "nodad")

    @staticmethod
    def plain_frames(space, link):
        """Frames as a wire would carry them: no offload, so real sizes and real checksums."""
        sh("ip", "netns", "exec", space, "ethtool", "-K", link, "tso", "off", "gso", "off",
           "gro", "off", "tx", "off", stderr=subprocess.DEVNULL)

    def make_host(self, n, host):
        space, octets = self.space(host), [int(x) for x in host.split(".")]
        mac = "02:00:" + ":".join(f"{x:02x}" for x in octets)
        sh("ip", "netns", "add", space)
        sh("ip", "link", "add", "eth0", "netns", space, "address", mac,
           "type", "veth", "peer", "name", f"port{n}", "netns", TAP)
        self.tap("ip", "link", "set", f"port{n}", "master", "br0", "up")
        self.plain_frames(TAP, f"port{n}")
        self.plain_frames(space, "eth0")
        inside = ["ip", "netns", "exec", space]
        v6 = "1" if not host.endswith(".66") else "0"
        sh(*inside, "sysctl", "-qw", f"net.ipv6.conf.eth0.disable_ipv6={v6}")
        sh(*inside, "ip", "link", "set", "lo", "up")
        sh(*inside, "ip", "link", "set", "eth0", "up")
        sh(*inside, "ip", "addr", "add", f"{host}/16", "dev", "eth0")
        sh(*inside, "ip", "route", "add", "default", "via", f"10.{octets[1]}.0.1")
        if v6 == "0":
            sh(*inside, "ip", "-6", "addr", "add", f"fd00:20::{octets[3]}/64", "dev", "eth0", "nodad")
            sh(*inside, "ip", "-6", "route", "add", "default", "via", "fd00:20::1")
        os.makedirs(f"/etc/netns/{space}", exist_ok=True)
        with open(f"/etc/netns/{space}/resolv.conf", "w", encoding="ascii") as f:
            f.write(f"nameserver {RESOLVER}\n")

    def make_servers(self):
        d = self.dir
        sh("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
           "-nodes", "-keyout", f"{d}/ca.key", "-out", f"{d}/ca.pem", "-days", "3650",
           "-subj", "/O=Tapir lab/CN=Tapir lab authority", stderr=subprocess.DEVNULL)
        os.mkdir(f"{d}/www")
        page = "<!doctype html><title>lab</title><p>" + "A page of the lab. " * 60
        with open(f"{d}/www/page.html", "w", encoding="ascii") as f:
            f.write(page)
        with open(f"{d}/www/package.bin", "wb") as f:
            f.write(os.urandom(3000))
        servers = ""
        for name in NAMES:
            sign(d, name)
            servers += SERVER.format(name=name, d=d, where=OWN_SOCKET.get(name, ""),
                                     extra=EXTRA.get(name, "").format(d=d))
        sign(d, "tapir-client")
        with open(f"{d}/nginx.conf", "w", encoding="ascii") as f:
            f.write(NGINX.format(d=d, servers=servers))
        self.start("nginx", "-c", f"{d}/nginx.conf", "-p", d)
        here = os.path.dirname(os.path.abspath(__file__))
        self.start(sys.executable, f"{here}/name_server.py", RESOLVER)
        time.sleep(1.0)
        for p in self.running:
            if p.poll() is not None:
                raise RuntimeError(f"{p.args} ended at once")

    def start(self, *words):
        p = subprocess.Popen(["ip", "netns", "exec", TAP, *words], stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
        self.running.append(p)
        return p

    def record(self, path):
        """Starts the capture on the bridge; `stop` ends it."""
        p = self.start("tcpdump", "-i", "br0", "-n", "-s", "0", "-U", "-B", "65536",
                       "-Z", "root", "-w", path, "not arp")
        time.sleep(1.0)
        return p

    def stop(self, tcpdump):
        time.sleep(1.0)
        tcpdump.send_signal(signal.SIGINT)
        tcpdump.wait()
        self.running.remove(tcpdump)

    def run(self, host, words, timeout=20, **more_env):
        """One program on one host. Returns its exit code, or None when it had to be ended."""
        ca = f"{self.dir}/ca.pem"
        env = {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": self.dir, "LANG": "C.UTF-8", "SSL_CERT_FILE": ca, "CURL_CA_BUNDLE": ca,
            "REQUESTS_CA_BUNDLE": ca, "NODE_EXTRA_CA_CERTS": ca, "GIT_SSL_CAINFO": ca,
            "GIT_TERMINAL_PROMPT": "0", **more_env,
        }
        p = subprocess.Popen(["ip", "netns", "exec", self.space(host), *words], env=env,
                             stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                             stderr=subprocess.PIPE, start_new_session=True)
        try:
            err = p.communicate(timeout=timeout)[1]
        except subprocess.TimeoutExpired:
            os.killpg(p.pid, signal.SIGKILL)
            p.communicate()
            return None
        if p.returncode != 0:
            tail = err.decode(errors="replace").strip()[-160:]
            print(f"  exit {p.returncode}: {host}: {' '.join(words)[:90]}: {tail}")
        return p.returncode


def read_capture(path):
    """Frames of a classic microsecond capture: (seconds as float, frame bytes, bytes on the wire)."""
    with open(path, "rb") as f:
        data = f.read()
    assert data[:4] == b"\xd4\xc3\xb2\xa1", "classic little-endian microsecond capture expected"
    at, frames = 24, []
    while at + 16 <= len(data):
        sec, usec, size, wire = struct.unpack_from("<IIII", data, at)
        frames.append((sec * 1_000_000 + usec, data[at + 16 : at + 16 + size], wire))
        at += 16 + size
    return frames


def write_capture(path, frames):
    """Frames, sorted by moment (microseconds), as a classic capture of Ethernet."""
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1))
        for at, frame, wire in sorted(frames, key=lambda x: x[0]):
            f.write(struct.pack("<IIII", at // 1_000_000, at % 1_000_000, len(frame), wire))
            f.write(frame)


def addresses(frame):
    """The IPv4 source and destination of an Ethernet frame, or two Nones."""
    if frame[12:14] != b"\x08\x00":
        return None, None
    return ".".join(map(str, frame[26:30])), ".".join(map(str, frame[30:34]))


def moment(text):
    """An ISO moment in UTC as microseconds since 1970."""
    d = datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.timezone.utc)
    return int(d.timestamp()) * 1_000_000
