import json, os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pymysql


def ask(line, *values):
    with pymysql.connect(
        host="db", user="notes", password=os.environ["PASSWORD"], database="notes", autocommit=True
    ) as connection, connection.cursor() as cursor:
        cursor.execute(line, values)
        return cursor.fetchall()


ask("create table if not exists notes (id int auto_increment primary key, note text)")


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        ask("insert into notes (note) values (%s)", self.rfile.read(int(self.headers["content-length"])))
        self.do_GET()

    def do_GET(self):
        rows = [row[0] for row in ask("select note from notes order by id")]
        body = json.dumps({"notes": rows, "revision": os.environ["REVISION"]}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("", 8080), Handler).serve_forever()
