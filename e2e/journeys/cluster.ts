import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { canTunnel } from '../../packages/executors/src/private-network/place.ts'
import { type Json, type Stage, until } from '../embedded.ts'
import { BRIEF } from '../own-worker.ts'

const SERVER = `require("http").createServer((q,s)=>s.end(process.env.CLOISTER_RANK+" of "+process.env.CLOISTER_SIZE)).listen(8080)`
/** Asks every member of the cluster which it is. */
const ASK = `Promise.all(process.env.CLOISTER_PEERS.split(",").map(async (peer) => (await fetch("http://"+peer+":8080")).text())).then((all) => console.log(all.join("; ")))`

const compose = (script: string) =>
  `x-network: ring\nservices:\n  web:\n    image: cloister/hello:1\n    entrypoint: ["sh", "-c"]\n    command: [${JSON.stringify(script)}]\n    restart: "no"\n${BRIEF}    deploy: { resources: { limits: { cpus: "0.1", memory: 128M } } }\n`

/** Several leases at once, on one private network. */
export function clusterTests(raised: () => Stage): void {
  describe.skipIf(!canTunnel())('a cluster of leases', () => {
    let stage: Stage
    const file = async (name: string, script: string) => {
      const path = join(stage.folder, name)
      await writeFile(path, compose(script))
      return path
    }
    const openLeases = async () => JSON.stringify((await stage.json('ps')).map(({ lease }: Json) => lease))
    /** The index hears of what closes a moment after the chain. */
    const untilOpen = (before: string) =>
      until('the others alone are open', async () => (await openLeases()) === before)

    beforeAll(() => {
      stage = raised()
    })

    it('comes up whole, each told its rank and reaching the others by name, and ends whole', async () => {
      const path = await file('ring.yaml', `exec node -e '${SERVER}'`)
      const before = await openLeases()
      const up = ['cluster', 'up', path, '-n', '3', '--name', 'ring', '--for', '1h', '--yes']
      const cluster = await stage.json(...up)
      expect(cluster).toMatchObject({ name: 'ring', network: 'ring', step: 'up' })
      expect(cluster.members.map(({ name, state, reached }: Json) => [name, state, reached])).toEqual([
        ['ring-0', 'running', 2],
        ['ring-1', 'running', 2],
        ['ring-2', 'running', 2],
      ])
      const { stdout } = await stage.cloister('exec', 'ring-2', '--', 'node', '-e', ASK)
      expect(stdout.trim()).toBe('0 of 3; 1 of 3; 2 of 3')
      // Typed again, it is what is there.
      const again = await stage.json(...up)
      expect(again.members.map(({ lease }: Json) => lease)).toEqual(
        cluster.members.map(({ lease }: Json) => lease),
      )
      expect(await stage.json('cluster', 'ls')).toEqual([
        { name: 'ring', network: 'ring', step: 'up', size: 3, open: 3 },
      ])
      const { closed } = await stage.json('cluster', 'down', 'ring')
      expect(closed).toHaveLength(3)
      await untilOpen(before)
      expect((await stage.cloister('cluster', 'show', 'ring')).stderr).toContain('no cluster "ring"')
    })

    it('is closed as a whole where one of it does not start', async () => {
      const before = await openLeases()
      const path = await file('broken.yaml', '[ $CLOISTER_RANK = 0 ] || exit 7; sleep 1000')
      const up = ['cluster', 'up', path, '--name', 'broken', '--for', '1h', '--yes', '--json']
      const failed = await stage.cloister(...up, '-n', '2')
      expect(JSON.parse(failed.stdout).error).toMatchObject({
        code: 'start-failed',
        message: expect.stringMatching(/ended with code 7.*All leases of broken are closed/),
      })
      await untilOpen(before)
      expect(await stage.json('cluster', 'ls')).toEqual([])
    })
  })
}
