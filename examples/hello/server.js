// Serves one page and counts its visitors in a volume, with nothing but Node itself.
const { createServer } = require('node:http')
const { readFileSync, writeFileSync } = require('node:fs')

const { GREETING = 'Hello', CLOISTER_LEASE = 'nowhere', CLOISTER_SERVICE = 'web' } = process.env
const file = '/data/visits'
let visits = 0
try {
  visits = Number(readFileSync(file, 'utf8')) || 0
} catch {
  // The first visitor is still to come.
}

const escaped = (text) => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`)

createServer((request, response) => {
  if (request.url === '/health') return response.end('ok\n')
  if (request.url !== '/') return response.writeHead(404).end('not found\n')
  visits += 1
  writeFileSync(file, String(visits))
  console.log(`visit ${visits} ${request.headers['user-agent'] ?? ''}`)
  response.setHeader('content-type', 'text/html; charset=utf-8')
  response.end(`<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escaped(GREETING)}</title>
<style>body{margin:0;min-height:100vh;display:grid;place-items:center;font:18px/1.6 system-ui,sans-serif;background:#f3f1ea;color:#20242a}
main{max-width:34rem;padding:2rem}h1{margin:0 0 1rem;font-size:2rem}code{font-size:.8em;overflow-wrap:anywhere}dt{color:#6b7280}dd{margin:0 0 .75rem}</style>
<main><h1>${escaped(GREETING)}</h1><dl><dt>Service</dt><dd>${escaped(CLOISTER_SERVICE)}</dd><dt>Lease</dt><dd><code>${escaped(CLOISTER_LEASE)}</code></dd>
<dt>Visits, kept in a volume</dt><dd id="visits">${visits}</dd></dl></main></html>
`)
}).listen(8080, () => console.log('listening on port 8080'))

// The first process of a container ends when it is asked to only where it says so; after ten seconds it is
// killed.
process.on('SIGTERM', () => process.exit(0))
