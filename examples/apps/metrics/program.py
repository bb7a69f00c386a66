from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

asked = 0


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        global asked
        asked += 1
        body = f"# TYPE program_asked counter\nprogram_asked {asked}\n".encode()
        self.send_response(200)
        self.send_header("content-type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("", 8000), Handler).serve_forever()
