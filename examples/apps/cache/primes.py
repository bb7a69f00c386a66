# GET /30000 counts the primes below 30000: reckoned once, then taken out of memcached.
import json, os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from pymemcache.client.base import PooledClient

cache = PooledClient("memcached", max_pool_size=32, timeout=5)


def count(limit):
    return sum(all(n % d for d in range(2, int(n**0.5) + 1)) for n in range(2, limit))


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        name = self.path[1:] or "100"
        known = cache.get(name)
        primes = int(known) if known is not None else count(int(name))
        if known is None:
            cache.set(name, str(primes))
        found = {"primes": primes, "cached": known is not None, "revision": os.environ["REVISION"]}
        body = json.dumps(found).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("", 8080), Handler).serve_forever()
