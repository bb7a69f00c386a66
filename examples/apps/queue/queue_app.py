# POST /?n=10 puts ten jobs into the queue; GET / says how many were done. Workers square numbers.
import json, os, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlparse

import redis

store = redis.Redis(host="redis")


def work():
    while True:
        _, number = store.blpop("jobs")
        store.incrby("sum", int(number) ** 2)
        store.incr("done")


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        for number in range(int(parse_qs(urlparse(self.path).query)["n"][0])):
            store.rpush("jobs", number)
        self.do_GET()

    def do_GET(self):
        found = {name: int(store.get(name) or 0) for name in ("done", "sum")}
        body = json.dumps({**found, "revision": os.environ["REVISION"]}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


work() if sys.argv[1] == "worker" else ThreadingHTTPServer(("", 8080), Handler).serve_forever()
