import { createServer } from 'node:http'
import { CloisterError, problemResponse } from '@cloister/core'
import { type Served, serve } from '@cloister/transport'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { everyPage, IndexClient } from './index-client.ts'

let served: Served
let index: IndexClient

beforeAll(async () => {
  // An index that knows no lease: the real one is tested in the indexer.
  const server = createServer(async (request, response) => {
    const key = request.url?.split('/').at(-1)
    if (key === 'silent') return
    if (key === 'broken') return void response.writeHead(500).end()
    if (key === 'plain') return void response.writeHead(404).end('none')
    if (key === 'odd') return void response.end('{"lease":1}')
    const problem = problemResponse(new CloisterError('not-found', 'There is no such lease.'))
    response.writeHead(problem.status).end(await problem.text())
  })
  served = await serve('The test', server, { host: '127.0.0.1', port: 0 })
  index = new IndexClient(`http://127.0.0.1:${served.port}/`)
})
afterAll(() => served.close())

describe('the index', () => {
  it('knows no lease: that is no error where one is looked for, and one where it is asked for', async () => {
    expect(await index.findLease('my-app')).toBeUndefined()
    expect(await index.findLease('plain')).toBeUndefined()
    await expect(index.lease('my-app')).rejects.toMatchObject({ code: 'not-found' })
  })

  it('that is away, broken or says something else is an error, and no lease less', async () => {
    const impatient = new IndexClient(`http://127.0.0.1:${served.port}`, { answerMs: 200 })
    await expect(impatient.findLease('silent')).rejects.toMatchObject({ code: 'unreachable' })
    await expect(index.findLease('broken')).rejects.toMatchObject({ code: 'bad-answer' })
    await expect(index.findLease('odd')).rejects.toMatchObject({ code: 'bad-answer' })
  })

  it('gives lists a page after the other', async () => {
    const pages: Record<string, { items: number[]; next?: string }> = {
      first: { items: [1, 2], next: 'second' },
      second: { items: [3] },
    }
    const all = await everyPage(async ({ cursor = 'first' }) => pages[cursor] ?? { items: [] })
    expect(all).toEqual([1, 2, 3])
  })
})
