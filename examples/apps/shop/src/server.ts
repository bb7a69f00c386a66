// Orders of a shop, kept in PostgreSQL. `--tables` makes the tables, `--check` asks whether it answers.
import { createServer, get } from 'node:http'
import pg from 'pg'

const PORT = 3000
const pool = new pg.Pool({ max: 8 })

if (process.argv.includes('--tables')) {
  pool
    .query('create table if not exists orders (id serial primary key, what text not null)')
    .then(() => process.exit(0))
    .catch((error: unknown) => {
      console.error(error)
      process.exit(1)
    })
} else if (process.argv.includes('--check'))
  get({ port: PORT, path: '/' }, ({ statusCode }) => process.exit(statusCode === 200 ? 0 : 1)).on(
    'error',
    () => process.exit(1),
  )
else
  createServer(async (request, response) => {
    try {
      const url = new URL(request.url ?? '/', 'http://shop')
      const what = url.searchParams.get('what')
      if (request.method === 'POST' && what !== null)
        await pool.query('insert into orders (what) values ($1)', [what])
      const { rows } = await pool.query('select count(*)::int as orders from orders')
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify({ ...rows[0], revision: process.env['REVISION'] }))
    } catch (error) {
      response.statusCode = 500
      response.end(String(error))
    }
  }).listen(PORT)
