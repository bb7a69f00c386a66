import glob, os, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from aiosmtpd.controller import Controller


class Keep:
    async def handle_DATA(self, server, session, envelope):
        with open(f"/mails/{time.time_ns()}.eml", "wb") as file:
            file.write(envelope.content)
        return "250 Message accepted"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        body = b"".join(open(path, "rb").read() for path in sorted(glob.glob("/mails/*.eml")))
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


Controller(Keep(), hostname="0.0.0.0", port=2525).start()
ThreadingHTTPServer(("", 8080), Handler).serve_forever()
