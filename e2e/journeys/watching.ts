import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { createGunzip } from 'node:zlib'
import { beforeAll, describe, expect, it } from 'vitest'
import { type Json, type Stage, until } from '../embedded.ts'
import { readExposition, sample } from '../exposition.ts'
import { BRIEF } from '../own-worker.ts'

const COMPOSE = `services:
  web:
    image: cloister/hello:1
    entrypoint: ["sh", "-c"]
    command: ["echo first words; exec sleep 1000"]
${BRIEF}    deploy: { resources: { limits: { cpus: "0.1", memory: 64M } } }
`

/** What a lease prints, uses and goes through, where its tenant looks for it. */
export function watchingTests(raised: () => Stage): void {
  describe('a lease that is watched', () => {
    let stage: Stage
    beforeAll(() => {
      stage = raised()
    })

    it('sends its lines to a collector, is scraped by token, and tells all its events in one list', async () => {
      const taken: Json[] = []
      const loki = createServer(async (request, response) => {
        const packed = request.headers['content-encoding'] === 'gzip'
        taken.push(JSON.parse(await text(packed ? request.pipe(createGunzip()) : request)))
        response.writeHead(204).end()
      }).listen(0, '127.0.0.1')
      await once(loki, 'listening')
      try {
        const path = join(stage.folder, 'watched.yaml')
        await writeFile(path, COMPOSE)
        const collector = `loki+http://127.0.0.1:${(loki.address() as AddressInfo).port}`
        const before = (await stage.cloister('events', '--all', '--json')).stdout.trim().split('\n').at(-1)
        const { lease } = await stage.json('deploy', path, '--for', '1h', '--yes', '--logs-to', collector)

        const lines = () =>
          taken.flatMap(({ streams }) =>
            streams.flatMap(({ stream, values }: Json) =>
              values.map(([, line]: Json) => [stream.lease, stream.service_name, line]),
            ),
          )
        await until('the collector has the first line', async () => lines().length > 0)
        expect(lines()[0]).toEqual([lease, 'web', 'first words'])
        const [sent] = await until('the worker knows that it was taken', async () => {
          const all = await stage.json('forward', lease)
          return all[0]?.sent > 0 && all
        })
        expect(sent).toMatchObject({ url: collector, dropped: 0, waiting: 0 })

        const { token, url, scrapeConfig } = await stage.json('metrics', 'token', lease)
        expect(scrapeConfig).toContain(new URL(url).host)
        const scrape = (bearer = token) => fetch(url, { headers: { authorization: `Bearer ${bearer}` } })
        expect((await scrape('wrong')).status).toBe(401)
        const scraped = readExposition(await (await scrape()).text())
        expect(sample(scraped, 'cloister_container_up', 'web')).toBe(1)
        await stage.json('metrics', 'token', lease, '--revoke')
        expect((await scrape()).status).toBe(401)

        await stage.json('close', lease)
        const cursor = before === undefined || before === '' ? [] : ['--cursor', JSON.parse(before).cursor]
        const told = await until('the chain’s word is there too', async () => {
          const { stdout } = await stage.cloister('events', '--all', '--json', ...cursor)
          const events: Json[] = stdout
            .trim()
            .split('\n')
            .map((line) => JSON.parse(line))
          return events.some(({ kind }) => kind === 'LeaseClosed') && events
        })
        const ours = told.filter((event) => event.lease === lease)
        expect(ours.map(({ from, kind }) => `${from} ${kind}`)).toEqual(
          expect.arrayContaining([
            'chain LeaseOpened',
            'worker running',
            'worker scrape-token',
            'chain LeaseClosed',
          ]),
        )
        expect(told.map(({ time }) => time)).toEqual(told.map(({ time }) => time).toSorted())
      } finally {
        loki.close()
      }
    })
  })
}
