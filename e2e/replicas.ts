import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import type { Json, Stage } from './embedded.ts'

const FILE = (greeting: string, command = '') => `name: crowd
x-spread: workers
services:
  web:
    image: cloister/hello:1
    ports: ["8080"]
    restart: always
    stop_grace_period: 100ms
    environment: { GREETING: "${greeting}" }
    volumes: ["visits:/data"]
${command}    deploy: { replicas: 2, resources: { limits: { cpus: "0.1", memory: 64M } } }
volumes: { visits: { x-size: 32m, x-spread: workers } }
`
const BAD = '    command: ["node", "-e", "process.exit(3)"]\n'

/** Replicas on several workers, from one command to the end, on a stage whose workers have room. */
export function replicasJourney(stageOf: () => Stage): void {
  const file = (text: string) => {
    const path = join(stageOf().folder, 'crowd.yaml')
    writeFileSync(path, text)
    return path
  }
  const json = (command: string, ...words: string[]): Promise<Json> =>
    stageOf().json(command, '--account', 'dev6', ...words)
  const run = (command: string, ...words: string[]) =>
    stageOf().cloister(command, '--account', 'dev6', ...words)

  it('runs replicas on workers of different providers, with one transaction and one address', async () => {
    const deployed = await json('deploy', file(FILE('Hello')), '--for', '1h', '--yes')
    const { replicas, routes } = deployed
    expect(new Set(replicas.map((one: Json) => one.provider)).size).toBe(2)
    const url: string = routes[0].loopbackUrl
    // Everybody who asks is answered while the group grows, changes and shrinks.
    let goOn = true
    const answers: number[] = []
    const greetings = new Set<string>()
    const leases = new Set<string>()
    const asking = (async () => {
      while (goOn) {
        const answer = await fetch(url, { signal: AbortSignal.timeout(10_000) })
        const text = await answer.text()
        answers.push(answer.status)
        greetings.add(/<h1>(\w+)/.exec(text)?.[1] ?? '')
        leases.add(/0x[0-9a-f]{64}/.exec(text)?.[0] ?? '')
      }
    })()
    try {
      const { opened } = await json('scale', 'crowd=3', '--for', '1h', '--yes')
      expect(new Set([...replicas, ...opened].map((one: Json) => one.worker)).size).toBe(3)
      const { updated } = await json('update', 'crowd', file(FILE('Changed')))
      expect(updated).toEqual([0, 1, 2])
      await json('scale', 'crowd=2', '--yes')
    } finally {
      goOn = false
      await asking
    }
    expect(new Set(answers)).toEqual(new Set([200]))
    expect(greetings).toEqual(new Set(['Hello', 'Changed']))
    expect(leases.size).toBe(3)
  })

  it('stops an update at the replica where it fails', async () => {
    const failed = await run('update', 'crowd', file(FILE('Bad', BAD)), '--yes')
    expect([failed.code, failed.stderr]).toEqual([1, expect.stringContaining('not touched: 1')])
    expect(await json('update', 'crowd', '--rollback')).toMatchObject({ updated: [] })
    const members = await json('status', 'crowd')
    expect(members.map((one: Json) => [one.name, one.state])).toEqual([
      ['crowd/0', 'running'],
      ['crowd/1', 'running'],
    ])
    expect((await run('exec', 'crowd', '--', 'echo', 'here')).stdout).toBe('here\n')
    expect((await run('top-up', 'crowd', '1')).stderr).toContain('crowd/0, crowd/1')
    expect(await json('close', 'crowd')).toHaveLength(2)
  })
}
