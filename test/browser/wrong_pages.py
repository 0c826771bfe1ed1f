# SPDX-License-Identifier: Apache-2.0
"""wrong_pages.py - pages that each do one thing which no page of the console may do, and one that does nothing wrong

The browser tests believe what webdriver.py says of errors and requests. So it is shown each of these first, and must tell.
"""
import http.server
import socket
import threading
import urllib.parse

# path: what the page does, and a pattern of the sentence that must be said of it
PAGES = {
    "/throws": ("<script>unknown.thing()</script>", "on the console: .*unknown is not defined"),
    "/rejects": ("<script>Promise.reject(new Error('a lost promise'))</script>", "on the console: .*a lost promise"),
    "/complains": ("<script>console.error('a complaint')</script>", "on the console: .*a complaint"),
    "/warns": ("<script>console.warn('a warning')</script>", "on the console: .*a warning"),
    "/misses": ("<img src='/none.png'>", "the request for %(origin)s/none.png failed: 404"),
    "/fails": ("<script src='/fails.js'></script>", "the request for %(origin)s/fails.js failed: 500"),
    "/breaks-off": ("<script>fetch('/nothing').catch(() => 0)</script>", "the request for %(origin)s/nothing failed: net::ERR_"),
    "/forbidden": ("<meta http-equiv='Content-Security-Policy' content=\"img-src 'none'\"><img src='/good.svg'>",
                   "on the console: .*Content Security Policy"),
    "/asks-others": ("<img src='%(other)s/good.svg'>", "a request to %(other)s/good.svg"),
    "/asks-by-name": ("<img src='http://elsewhere.test/x.png'>", "a request to http://elsewhere.test/x.png"),
    "/sends-to-others": ("<script>navigator.sendBeacon('%(other)s/beacon', 'x')</script>", "a request to %(other)s/beacon"),
    "/opens-a-socket": ("<script>new WebSocket('%(socket)s/socket')</script>", "a request to %(socket)s/socket"),
    "/loads-a-frame": ("<iframe src='%(other)s/framed'></iframe>", "a request to %(other)s/framed"),
}
GOOD = "<p>good</p><img src='/good.svg'><script src='/good.js'></script>"
ANSWERS = {"/good.svg": ("image/svg+xml", b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>"),
           "/good.js": ("text/javascript", b"console.log('all is well')"), "/framed": ("text/html", b"<p>framed"),
           "/favicon.ico": ("image/svg+xml", b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>")}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"

    def do_GET(self):
        path = urllib.parse.urlsplit(self.path).path
        status, kind, body = 200, "text/html; charset=utf-8", None
        if path in ANSWERS:
            kind, body = ANSWERS[path]
        elif path in PAGES or path == "/good":
            text = PAGES[path][0] % self.server.names if path in PAGES else GOOD
            body = ("<!DOCTYPE html><html><head><title>%s</title></head><body>%s</body></html>" % (path, text)).encode()
        elif path == "/nothing":
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        else:
            status, body = (500 if path == "/fails.js" else 404), b"no"
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


class Server:
    """On two ports: `origin` is the right one, `other` is not."""

    def __enter__(self):
        self.servers = [http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) for _ in range(2)]
        origin, other = ("http://127.0.0.1:%d" % server.server_port for server in self.servers)
        self.names = {"origin": origin, "other": other, "socket": other.replace("http", "ws")}
        for server in self.servers:
            server.daemon_threads, server.names = True, self.names
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_):
        for server in self.servers:
            server.shutdown()
            server.server_close()
