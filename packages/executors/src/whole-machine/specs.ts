import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { canRun, startOutsideHost, type TestEngine } from '@cloister/development/engines'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ContainerSpec, Executor, Image } from '../executor.ts'
import { buildWorkbench, WORKBENCH_IMAGE } from '../oci/workbench.ts'
import { containerOf, openExecutor, runIn, TRIED } from '../testing.ts'

const LEASE = `0x${'5c'.repeat(32)}`

for (const { name, program, start } of TRIED)
  describe.skipIf(!canRun(program))(`what a file may say, on ${name}`, () => {
    let folder: string
    let engine: TestEngine | undefined
    let executor: Executor
    let image: Image

    const spec = (changes: Partial<ContainerSpec>): ContainerSpec => ({
      ...containerOf(LEASE, image),
      peers: ['web', 'db'],
      ...changes,
    })

    const sh = async (line: string, name = 'web-0') =>
      (await runIn(executor, { lease: LEASE, name }, ['sh', '-c', line])).output.trim()

    const ownerOf = async (...paths: string[]) => {
      const script =
        "for(const p of process.argv.slice(1)){const s=require('fs').statSync(p);console.log([(s.mode&0o7777).toString(8),s.uid,s.gid].join(' '))}"
      return (await sh(`node -e "${script}" ${paths.join(' ')}`)).split('\n')
    }

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), `cloister-spec-${name}-`))
      // As where the agent keeps its folders: any user can walk there.
      await chmod(folder, 0o711)
      await buildWorkbench(join(folder, 'layout'))
      ;({ executor, engine } = await openExecutor(start, folder, 'spec'))
      image = await executor.pull(WORKBENCH_IMAGE, undefined)
    }, 120_000)

    afterAll(async () => {
      await executor?.destroy(LEASE)
      await executor?.close()
      await engine?.stop()
      await rm(folder, { recursive: true, force: true, maxRetries: 5 })
    }, 60_000)

    it('files have the mode and owner that it states, whatever the umask', async () => {
      const file = (path: string, mode: number, uid?: number, gid?: number) => ({
        path,
        content: Buffer.from('x'),
        mode,
        uid,
        gid,
      })
      // The sandbox makes folders that its containers walk through, and trusts the worker's umask for those.
      const before = process.umask(start ? 0o077 : 0o022)
      try {
        await executor.start(
          spec({ files: [file('/etc/a', 0o440), file('/etc/b', 0o666, 1000, 50), file('/etc/c', 0o755)] }),
        )
      } finally {
        process.umask(before)
      }
      expect(await ownerOf('/etc/a', '/etc/b', '/etc/c')).toEqual(['440 0 0', '666 1000 50', '755 0 0'])
    })

    it('memory, groups, limits of the kernel and capabilities are as it states them', async () => {
      await executor.start(
        spec({
          shmMiB: 7,
          groups: ['4242'],
          sysctls: { 'kernel.msgmax': '4096', 'net.core.somaxconn': '77' },
          capabilities: ['CHOWN'],
          tmpfs: [{ path: '/scratch', sizeMiB: 3, mode: 0o710 }],
        }),
      )
      const mounts = await sh('cat /proc/mounts')
      expect(mounts).toMatch(/ \/dev\/shm tmpfs \S*size=7168k/)
      expect(mounts).toMatch(/ \/scratch tmpfs \S*size=3072k/)
      expect(await ownerOf('/scratch')).toEqual(['710 0 0'])
      expect(await sh('cat /proc/sys/kernel/msgmax /proc/sys/net/core/somaxconn')).toBe('4096\n77')
      const status = await sh('cat /proc/1/status')
      expect(status).toMatch(/^Groups:.*\b4242\b/m)
      expect(status).toMatch(/^CapBnd:\t0{15}1$/m)
    })

    it('its program is process 1, unless it asks for one that reaps', async () => {
      await executor.start(spec({}))
      expect(await sh('cat /proc/1/cmdline')).toContain('node')
    })

    it('is found by every name, and finds what it names outside', async () => {
      const aliases = { my_db: 'db', 'db.internal': 'db', front: 'web' }
      await executor.start(spec({ name: 'db-0', service: 'db', hostname: 'db', aliases }))
      await executor.start(spec({ aliases, hosts: { 'license.example': '203.0.113.9' } }))
      const look = (host: string) =>
        sh(`node -e "require('dns').lookup('${host}',(e,a)=>console.log(e?e.code:a))"`)
      const db = await look('db')
      expect(db).toMatch(executor.separateNetworks ? /^172\./ : /^127\./)
      expect([await look('my_db'), await look('db.internal')]).toEqual([db, db])
      expect((await look('front')) === db).toBe(!executor.separateNetworks)
      expect(await look('license.example')).toBe('203.0.113.9')
    })

    it('reaches the internet, unless it says otherwise, and is reached all the same', async () => {
      const outside = await startOutsideHost(['1.2.3.5'], 8080)
      const ask = `node -e "const s=require('net').connect(8080,'1.2.3.5').on('data',d=>console.log(String(d))).on('error',e=>console.log(e.code))"`
      try {
        await executor.start(spec({}))
        expect(await sh(ask)).toContain('outside')
        await executor.start(
          spec({
            internet: false,
            argv: ['node', '-e', "require('http').createServer((q,s)=>s.end('in')).listen(8080)"],
          }),
        )
        expect(await sh(ask)).not.toContain('outside')
      } finally {
        outside.stop()
      }
      const answer = await new Promise<string>((resolve) => {
        const attempt = async () => {
          const stream = await executor.connect(LEASE, 'web-0', 8080)
          let text = ''
          stream
            .on('data', (chunk) => (text += chunk))
            .on('close', () => (text ? resolve(text) : setTimeout(attempt, 50)))
          stream.on('error', () => {}).write('GET / HTTP/1.0\r\n\r\n')
        }
        void attempt()
      })
      expect(answer).toContain('in')
    })

    it('prints to a terminal where it asks for one', async () => {
      const argv = [
        'node',
        '-e',
        "console.log('tty ' + process.stdout.isTTY); console.log('two'); process.stdin.resume()",
      ]
      await executor.start(spec({ terminal: true, openStdin: true, argv }))
      const signal = AbortSignal.timeout(10_000)
      const lines: string[] = []
      for await (const { text } of executor.logs(LEASE, 'web-0', { tail: 10, follow: true, signal })) {
        lines.push(text)
        if (lines.length === 2) break
      }
      expect(lines).toEqual(['tty true', 'two'])
      expect((await executor.containers(LEASE)).find((c) => c.name === 'web-0')?.running).toBe(true)
    })
  })
