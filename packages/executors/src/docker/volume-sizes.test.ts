import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Docker from 'dockerode'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { VolumeSizes } from './volume-sizes.ts'

let folder: string
let engine: Server
let docker: Docker
let asked: (string | undefined)[]
let answer: { status: number; body: string }

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cloister-df-'))
  asked = []
  answer = { status: 200, body: '{}' }
  engine = createServer((request, response) => {
    asked.push(request.url)
    response.writeHead(answer.status, { 'content-type': 'application/json' }).end(answer.body)
  })
  const socketPath = join(folder, 'fake-engine.sock')
  await new Promise<void>((done) => engine.listen(socketPath, done))
  docker = new Docker({ socketPath })
})
afterEach(async () => {
  engine.closeAllConnections()
  await new Promise((done) => engine.close(done))
  await rm(folder, { recursive: true, force: true })
})

it('are asked for once, however many leases there are, since engines walk through everything for it', async () => {
  const volumes = [
    { Name: 'one', UsageData: { Size: 5_000 } },
    { Name: 'remote', UsageData: { Size: -1 } },
    { Name: 'unknown' },
  ]
  answer.body = JSON.stringify({ Volumes: volumes })
  const sizes = new VolumeSizes(docker)
  const all = await Promise.all(Array.from({ length: 20 }, () => sizes.all()))
  expect(Object.fromEntries(all[19] ?? [])).toEqual({ one: 5_000, remote: 0, unknown: 0 })
  await sizes.all()
  expect(asked).toEqual(['/system/df?type=volume'])
})

it('are none where the engine has no volumes', async () => {
  answer.body = '{"Volumes":null}'
  expect((await new VolumeSizes(docker).all()).size).toBe(0)
})

it('that the engine does not tell are no zero, and are asked for again', async () => {
  answer = { status: 500, body: '{"message":"a disk usage operation is already running"}' }
  const sizes = new VolumeSizes(docker)
  await expect(sizes.all()).rejects.toMatchObject({ code: 'engine-failed' })
  answer = { status: 200, body: '{"Volumes":[{"Name":"one","UsageData":{"Size":7}}]}' }
  expect((await sizes.all()).get('one')).toBe(7)
  expect(asked).toHaveLength(2)
})
