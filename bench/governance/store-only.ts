// The limit of a hub that writes votes down: takes bodies over HTTP and keeps them in SQLite, written
// through, a transaction each, and checks nothing. node bench/governance/store-only.ts FILE
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { DatabaseSync } from 'node:sqlite'

const db = new DatabaseSync(process.argv[2] ?? ':memory:')
db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE vote (body TEXT NOT NULL)')
const insert = db.prepare('INSERT INTO vote VALUES (?)')
const server = createServer((request, response) => {
  const pieces: Buffer[] = []
  request.on('data', (piece: Buffer) => pieces.push(piece))
  request.on('end', () => {
    insert.run(Buffer.concat(pieces).toString())
    response.end('{}')
  })
})
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`taking votes at http://127.0.0.1:${(server.address() as AddressInfo).port};\n`)
})
