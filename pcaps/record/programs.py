"""From a day of many programs on fifteen hosts to `programs.pcap.zst`, and `programs.json` that says whose flow is whose.

Twelve hosts (10.20.2.11 to .22) run each a part of the ordinary programs, every one of these on at least six of
them, against several names, with requests of different sizes, and TLS 1.2 or 1.3 where it can be asked for; some
hosts always give a program other flags. Three more hosts (10.20.2.31 to .33) run programs that no other host has,
among them a copy of curl under another name, and some ordinary ones besides.

Each program's run is one piece of the recording, moved as a whole to its moment of a day (DAY below): the
timestamps of the capture are made, those within a run are as recorded. A flow is of the program that ran when its
host opened it: hosts run one program at a time. Programs that are not installed are left out, said aloud.
"""

import json
import os
import random
import shutil
import sys
import time

from clients import CHROMIUM, PATH, PCAPS, version
from lab import NAMES, Lab, addresses, moment, read_capture, sh, write_capture

DAY, DAY_S = "2026-11-02T08:00:00", 9 * 3600
HOSTS = [f"10.20.2.{n}" for n in range(11, 23)]
OTHERS = [f"10.20.2.{n}" for n in range(31, 34)]
SITES = [name for name in NAMES if not name.endswith("lab.example")]
POSTS = {"discord.com": "/api/webhooks/1100/tapir", "hooks.slack.com": "/services/T000/B000/tapir"}
HOSTS_MIN, RUNS, SEED = 7, 6, 1102

URLLIB = """
import ssl, sys, urllib.request
c = ssl.create_default_context()
if sys.argv[2] == '1.2': c.maximum_version = ssl.TLSVersion.TLSv1_2
data = b'x' * int(sys.argv[3]) if int(sys.argv[3]) else None
urllib.request.urlopen(urllib.request.Request(sys.argv[1], data), context=c).read()
"""
REQUESTS = """
import sys, requests
size = int(sys.argv[3])
requests.post(sys.argv[1], data='x' * size) if size else requests.get(sys.argv[1])
"""
HTTPS = """
const [url, tls, size] = process.argv.slice(1);
const o = {agent: false, method: +size ? 'POST' : 'GET', ...(tls === '1.2' ? {maxVersion: 'TLSv1.2'} : {})};
require('https').request(url, o, r => r.resume()).end('x'.repeat(+size));
"""
FETCH = """
const [url, tls, size] = process.argv.slice(1);
fetch(url, +size ? {method: 'POST', body: 'x'.repeat(+size)} : {}).then(r => r.text()).then(() => process.exit());
"""
PERL = """
use IO::Socket::SSL; my ($host, $path) = $ARGV[0] =~ m{https://([^/]+)(.*)};
my $s = IO::Socket::SSL->new(PeerHost => $host, PeerPort => 443, SSL_hostname => $host,
  $ARGV[1] eq '1.2' ? (SSL_version => 'TLSv1_2') : ()) or die $SSL_ERROR;
print $s "GET $path HTTP/1.1\\r\\nHost: $host\\r\\nUser-Agent: perl\\r\\nConnection: close\\r\\n\\r\\n"; my @a = <$s>;
"""
RUBY = """
require 'net/http'; u = URI(ARGV[0]); h = Net::HTTP.new(u.host, u.port); h.use_ssl = true
h.max_version = :TLS1_2 if ARGV[1] == '1.2'
ARGV[2] == '0' ? h.get(u.request_uri) : h.post(u.request_uri, 'x' * ARGV[2].to_i)
"""
JAVA = """
import java.net.*; import java.net.http.*; import java.security.cert.*; import javax.net.ssl.*;
class Fetch { public static void main(String[] a) throws Exception {
  var trust = new X509ExtendedTrustManager() {
    public void checkClientTrusted(X509Certificate[] c, String t) {}
    public void checkServerTrusted(X509Certificate[] c, String t) {}
    public void checkClientTrusted(X509Certificate[] c, String t, Socket s) {}
    public void checkServerTrusted(X509Certificate[] c, String t, Socket s) {}
    public void checkClientTrusted(X509Certificate[] c, String t, SSLEngine e) {}
    public void checkServerTrusted(X509Certificate[] c, String t, SSLEngine e) {}
    public X509Certificate[] getAcceptedIssuers() { return new X509Certificate[0]; } };
  var ssl = SSLContext.getInstance("TLS"); ssl.init(null, new TrustManager[]{trust}, null);
  HttpClient.newBuilder().sslContext(ssl).build().send(HttpRequest.newBuilder(URI.create(a[0])).build(),
    HttpResponse.BodyHandlers.ofString()); } }
"""


class Run:
    """What one run asks for: a name, a URL of some length, a TLS version, bytes to post."""

    def __init__(self, rng, lab, odd):
        self.lab, self.odd = lab, odd
        self.post = rng.randrange(80, 4000) if rng.random() < 0.15 else 0
        self.name = rng.choice(list(POSTS) if self.post else SITES)
        filler = "%x" % rng.getrandbits(4 * rng.choice((1, 40, 200, 700)))
        self.path = POSTS[self.name] if self.post else f"/page.html?q={filler}"
        self.tls = "1.2" if rng.random() < 0.25 else "1.3"
        self.url = f"https://{self.name}{self.path}"
        self.plain = not self.post and rng.random() < 0.1
        self.token = ["-H", f"Authorization: Bearer {rng.getrandbits(4 * 300):x}"] if rng.random() < 0.3 else []

    @property
    def any_url(self):
        return self.url.replace("https:", "http:") if self.plain else self.url


def curl(run, binary="curl"):
    data = ["-d", "x" * run.post] if run.post else []
    odd = ["--http1.1", "-A", "fetcher/2"] if run.odd else []
    return [binary, "-sS", "-o", "/dev/null", "--tls-max", run.tls, *odd, *run.token, *data, run.any_url]


def wget(run):
    old = ["--ciphers=NORMAL:-VERS-TLS1.3"] if run.tls == "1.2" or run.odd else []
    data = [f"--post-data={'x' * run.post}"] if run.post else []
    return ["wget", "-q", "-O", "/dev/null", f"--ca-certificate={run.lab.dir}/ca.pem", *old, *data, run.any_url]


def python(run):
    code = REQUESTS if run.odd else URLLIB
    return ["/usr/bin/python3", "-c", code, run.any_url if not run.post else run.url, run.tls, str(run.post)]


def chromium(run):
    profile = os.path.join(run.lab.dir, "profile")
    shutil.rmtree(profile, ignore_errors=True)
    url = f"https://{run.name}/{run.path.split('/')[-1][:60]}"
    return [*CHROMIUM, f"--user-data-dir={profile}", "--dump-dom", url]


def copied(run):
    """curl under another name: nothing on the wire tells it from curl."""
    copy = f"{run.lab.dir}/updater"
    if not os.path.exists(copy):
        shutil.copy(shutil.which("curl", path=PATH), copy)
    return curl(run, copy)


def java(run):
    source = f"{run.lab.dir}/Fetch.java"
    with open(source, "w", encoding="ascii") as f:
        f.write(JAVA)
    return ["java", source, run.url]


def three(words):
    """A script that takes a URL, a TLS version and how many bytes it posts."""
    return lambda run: [*words, run.url, run.tls, str(run.post)]


# program, where it lies, how its version is asked, its command
ORDINARY = [
    ("curl", "/usr/bin/curl", ["curl", "--version"], curl),
    ("wget", "/usr/bin/wget", ["wget", "--version"], wget),
    ("python", "/usr/bin/python3.11", ["/usr/bin/python3", "--version"], python),
    ("node", "/usr/bin/node", ["node", "--version"],
     lambda run: three(["node", "-e", FETCH if run.odd else HTTPS])(run)),
    ("openssl", "/usr/bin/openssl", ["openssl", "version"],
     lambda run: ["openssl", "s_client", "-connect", f"{run.name}:443", "-servername", run.name,
                  "-tls" + run.tls.replace(".", "_")]),
    ("git-remote-https", "/usr/lib/git-core/git-remote-https", ["git", "--version"],
     lambda run: ["git", "ls-remote", f"https://{run.name}/{run.path[-30:].strip('/')}.git"]),
    ("gnutls-cli", "/usr/bin/gnutls-cli", ["gnutls-cli", "--version"],
     lambda run: ["gnutls-cli", f"--x509cafile={run.lab.dir}/ca.pem",
                  "--priority=NORMAL" + (":-VERS-TLS1.3" if run.tls == "1.2" else ""), run.name]),
    ("https", "/usr/lib/apt/methods/https", ["apt-get", "--version"],
     lambda run: ["/usr/lib/apt/apt-helper", "-o", f"Acquire::https::CAInfo={run.lab.dir}/ca.pem", "-o",
                  "APT::Sandbox::User=root", "download-file", f"https://{run.name}/package.bin",
                  f"{run.lab.dir}/package"]),
    ("perl", "/usr/bin/perl", ["perl", "--version"], three(["perl", "-e", PERL])),
    ("ruby", "/usr/bin/ruby3.1", ["ruby", "--version"], three(["ruby", "-e", RUBY])),
    ("chromium", "/usr/lib/chromium/chromium", ["chromium", "--version"], chromium),
]
ALONE = [
    ("php", "/usr/bin/php8.2", ["php", "--version"],
     lambda run: ["php", "-r", "file_get_contents($argv[1]);", run.url]),
    ("lynx", "/usr/bin/lynx", ["lynx", "--version"], lambda run: ["lynx", "-dump", run.url]),
    ("w3m", "/usr/bin/w3m", ["w3m", "-version"],
     lambda run: ["w3m", "-o", f"ssl_ca_file={run.lab.dir}/ca.pem", "-dump", run.url]),
    ("aria2c", "/usr/bin/aria2c", ["aria2c", "--version"],
     lambda run: ["aria2c", "-q", f"--ca-certificate={run.lab.dir}/ca.pem", "--allow-overwrite=true",
                  f"--dir={run.lab.dir}", "--out=got", run.url]),
    ("rclone", "/usr/bin/rclone", ["rclone", "--version"],
     lambda run: ["rclone", "copyurl", run.url, f"{run.lab.dir}/got"]),
    ("restic", "/usr/bin/restic", ["restic", "version"],
     lambda run: ["restic", "-r", f"rest:https://{run.name}/{run.path[-20:].strip('/')}/", "--no-lock",
                  "--password-command", "echo lab", "--cacert", f"{run.lab.dir}/ca.pem", "snapshots"]),
    ("java", "/usr/lib/jvm/java-17-openjdk-amd64/bin/java", ["java", "--version"], java),
    ("updater", "/opt/updater/updater", ["curl", "--version"], copied),
]


def installed(programs):
    for one in programs:
        if shutil.which(one[2][0], path=PATH) and version(one[2]) != "unknown":
            yield one
        else:
            print(f"left out, not installed: {one[0]}")


def plan(rng, ordinary, alone):
    """Every piece: (seconds into the day, host, program, whether the host gives it other flags)."""
    pieces = []

    def add(host, program, runs):
        odd = hash_of(host, program) % 4 == 0
        for _ in range(runs):
            pieces.append((rng.uniform(0, DAY_S), host, program, odd))

    for program in ordinary:
        runs = 3 if program[0] == "chromium" else RUNS
        for host in rng.sample(HOSTS, rng.randrange(HOSTS_MIN, len(HOSTS) - 1)):
            add(host, program, runs)
    for host in OTHERS:
        for program in alone:
            add(host, program, 3)
        for program in rng.sample(ordinary, 4):
            add(host, program, 2)
    return sorted(pieces, key=lambda piece: piece[0])


def hash_of(host, program):
    """The same in every run, unlike Python's own."""
    return sum(host.encode()) * 7 + sum(program[0].encode())


def flows_of(frames, host):
    """The ports from which `host` opened flows."""
    for frame in frames:
        raw = frame[1]
        if addresses(raw)[0] == host and raw[23] == 6 and raw[47] & 0x12 == 0x02:
            yield int.from_bytes(raw[34:36], "big")


def main():
    rng, made = random.Random(SEED), f"{PCAPS}/recording.pcap"
    ordinary, alone = list(installed(ORDINARY)), list(installed(ALONE))
    pieces, spans = plan(rng, ordinary, alone), []
    with Lab(HOSTS + OTHERS) as lab:
        capture = lab.record(made)
        for at, host, program, odd in pieces:
            begin = time.time()
            lab.run(host, program[3](Run(rng, lab, odd)))
            time.sleep(0.1)  # the last frames of a piece are in before the next one begins
            spans.append((int(begin * 1e6), int(time.time() * 1e6), int(at * 1e6), host, program[0]))
        lab.stop(capture)
    frames, start = read_capture(made), moment(DAY)
    os.remove(made)
    moved, flows, first = [], {}, 0
    for begin, end, at, host, program in spans:
        while first < len(frames) and frames[first][0] < begin:
            first += 1
        piece, n = [], first
        while n < len(frames) and frames[n][0] < end:
            if host in addresses(frames[n][1]):
                piece.append(frames[n])
            n += 1
        for port in flows_of(piece, host):
            flows.setdefault(host, []).append([port, (at + start) // 1_000_000, program])
        moved += [(f[0] - begin + start + at, f[1], f[2]) for f in piece]
    write_capture(f"{PCAPS}/programs.pcap", moved)
    sh("zstd", "-q", "-19", "--rm", "-f", f"{PCAPS}/programs.pcap")
    programs = {one[0]: {"path": one[1], "version": version(one[2]), "alone": one in alone}
                for one in ordinary + alone}
    said = {"capture": "programs.pcap.zst", "programs": programs, "flows": flows}
    with open(f"{PCAPS}/programs.json", "w", encoding="utf8") as f:
        f.write(json.dumps(said).replace('"10.', '\n"10.') + "\n")
    print(f"{len(spans)} pieces, {len(moved)} frames, {sum(map(len, flows.values()))} flows")


if __name__ == "__main__":
    sys.exit(main())
