"""From each client program on this machine to `clients.pcap`, and `clients.json` that says who was who.

Each program runs on a host of its own (so a test joins flows to programs by address), over TLS 1.2 and 1.3
where it can be asked to, against two names. Programs that are not installed are left out, said aloud.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys

from lab import Lab

HERE = os.path.dirname(os.path.abspath(__file__))
PCAPS = os.path.dirname(HERE)
PATH = "/usr/local/bin:/usr/bin:/bin"
NAMES = ("discord.com", "hooks.slack.com")

URLLIB = """
import ssl, sys, urllib.request
c = ssl.create_default_context()
if sys.argv[2] == '1.2': c.maximum_version = ssl.TLSVersion.TLSv1_2
urllib.request.urlopen(sys.argv[1], context=c).read()
"""
REQUESTS = "import sys, requests; requests.get(sys.argv[1])"
NODE = """
const o = process.argv[2] === '1.2' ? {maxVersion: 'TLSv1.2'} : {};
require('https').get(process.argv[1], {...o, agent: false}, r => r.resume());
"""
CHROMIUM = ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic",
            "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--disable-default-apps", "--disable-extensions", "--ignore-certificate-errors"]


def chromium(lab, url):
    """Chromium with a new profile; the page is read once and the browser ends."""
    profile = os.path.join(lab.dir, "profile")
    shutil.rmtree(profile, ignore_errors=True)
    return [*CHROMIUM, f"--user-data-dir={profile}", "--dump-dom", url]


# program, class, how its version is asked, the TLS versions it is asked for, its command
TOOL, BROWSER = "tool_or_library", "browser"
CLIENTS = [
    ("curl", TOOL, ["curl", "--version"], ("1.2", "1.3"),
     lambda lab, name, tls: ["curl", "-sS", "--tls-max", tls, f"https://{name}/"]),
    ("wget", TOOL, ["wget", "--version"], ("1.2", "1.3"),
     lambda lab, name, tls: ["wget", "-q", "-O", "/dev/null", f"--ca-certificate={lab.dir}/ca.pem",
                             *(["--ciphers=NORMAL:-VERS-TLS1.3"] if tls == "1.2" else []),
                             f"https://{name}/"]),
    ("python-urllib", TOOL, ["/usr/bin/python3", "--version"], ("1.2", "1.3"),
     lambda lab, name, tls: ["/usr/bin/python3", "-c", URLLIB, f"https://{name}/", tls]),
    ("python-requests", TOOL, ["/usr/bin/python3", "-c", "import requests; print(requests.__version__)"],
     ("1.3",), lambda lab, name, tls: ["/usr/bin/python3", "-c", REQUESTS, f"https://{name}/"]),
    ("node", TOOL, ["node", "--version"], ("1.2", "1.3"),
     lambda lab, name, tls: ["node", "-e", NODE, f"https://{name}/", tls]),
    ("openssl s_client", TOOL, ["openssl", "version"], ("1.2", "1.3"),
     lambda lab, name, tls: ["openssl", "s_client", "-connect", f"{name}:443", "-servername", name,
                             "-tls" + tls.replace(".", "_")]),
    ("gnutls-cli", TOOL, ["gnutls-cli", "--version"], ("1.2", "1.3"),
     lambda lab, name, tls: ["gnutls-cli", f"--x509cafile={lab.dir}/ca.pem",
                             "--priority=NORMAL" + (":-VERS-TLS1.3" if tls == "1.2" else ""), name]),
    ("git", TOOL, ["git", "--version"], ("1.3",),
     lambda lab, name, tls: ["git", "ls-remote", f"https://{name}/tapir.git"]),
    ("apt", TOOL, ["apt-get", "--version"], ("1.3",),
     lambda lab, name, tls: ["/usr/lib/apt/apt-helper", "-o", f"Acquire::https::CAInfo={lab.dir}/ca.pem",
                             "-o", "APT::Sandbox::User=root", "download-file", f"https://{name}/package.bin",
                             f"{lab.dir}/package"]),
    ("chromium", BROWSER, ["chromium", "--version"], ("1.3",),
     lambda lab, name, tls: chromium(lab, f"https://{name}/")),
]


def version(words):
    """The first thing that looks like a version in what the program prints."""
    env = {**os.environ, "PATH": PATH}
    out = subprocess.run(words, capture_output=True, text=True, check=False, env=env).stdout
    found = re.search(r"\d+(\.\d+)+\w*", out)
    return found.group(0) if found else "unknown"


def ja4_by_client(capture):
    """JA4 values by client address, hashed here from what tshark (4.2 or later; TSHARK names one) lists.

    tshark 4.4 keeps GREASE among the signature algorithms, where Chromium now puts it; JA4 leaves it out
    everywhere, so its own hash of such a hello is not taken.
    """
    words = [os.environ.get("TSHARK", "tshark"), "-r", capture, "-Y", "tls.handshake.type==1", "-T",
             "fields", "-e", "ip.src", "-e", "tls.handshake.ja4_r"]
    out = subprocess.run(words, capture_output=True, text=True, check=False).stdout
    found = {}
    for row in out.splitlines():
        client, listed = row.split("\t")
        head, ciphers, extensions, *algorithms = listed.split("_")
        kept = [x for x in ",".join(algorithms).split(",") if x and not re.fullmatch("(.a)\\1", x)]
        third = extensions + ("_" + ",".join(kept) if kept else "")
        parts = [hashlib.sha256(x.encode()).hexdigest()[:12] for x in (ciphers, third)]
        found.setdefault(client, set()).add("_".join([head, *parts]))
    return found


def main():
    clients = []
    for client in CLIENTS:
        if shutil.which(client[2][0], path=PATH) and version(client[2]) != "unknown":
            clients.append(client)
        else:
            print(f"left out, not installed: {client[0]}")
    hosts = {c[0]: f"10.20.1.{11 + n}" for n, c in enumerate(clients)}
    said = []
    with Lab(hosts.values()) as lab:
        capture = lab.record(f"{PCAPS}/clients.pcap")
        for program, kind, ask, tls_versions, command in clients:
            host = hosts[program]
            said.append({"program": program, "version": version(ask), "class": kind, "client": host,
                         "tls": list(tls_versions), "names": list(NAMES)})
            print(program, said[-1]["version"], host)
            for name in NAMES:
                for tls in tls_versions:
                    lab.run(host, command(lab, name, tls))
        lab.stop(capture)
    measured = ja4_by_client(f"{PCAPS}/clients.pcap")
    for one in said:
        one["ja4"] = sorted(measured.get(one["client"], ()))
    with open(f"{PCAPS}/clients.json", "w", encoding="utf8") as f:
        json.dump({"capture": "clients.pcap", "clients": said}, f, indent=1)
        f.write("\n")


if __name__ == "__main__":
    sys.exit(main())
