import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { canRun } from '@cloister/development/engines'
import { leases } from '@cloister/sdk'
import { describe, expect, it } from 'vitest'
import { readManifestFile } from '../apps/cli/src/manifest-file.ts'
import { busyboxContext, folderOfTest, ownPodman } from '../packages/images/src/testing.ts'
import { canDeploy, until } from './embedded.ts'
import { useWorker } from './own-worker.ts'

/** Needs podman and busybox beside what a worker needs. */
describe.skipIf(!canDeploy || !canRun('podman'))('a Compose file that builds its image', () => {
  const own = useWorker()

  it('runs it, and another service that is of the same image', async () => {
    ownPodman()
    process.env['XDG_CACHE_HOME'] = folderOfTest()
    const folder = folderOfTest()
    const context = busyboxContext(join(folder, 'app'))
    mkdirSync(join(context, 'bin'))
    writeFileSync(
      join(context, 'Dockerfile'),
      'FROM scratch\nCOPY busybox /bin/busybox\nRUN ["/bin/busybox", "--install", "-s", "/bin"]\nARG WORD\nRUN mkdir /data && echo $WORD > /data/word\nCMD ["sleep", "1000"]\n',
    )
    const limits = 'stop_grace_period: 100ms, deploy: { resources: { limits: { cpus: "0.2", memory: 64M } } }'
    const file = join(folder, 'compose.yaml')
    writeFileSync(
      file,
      `services:\n  web: { build: { context: app, args: [WORD=built] }, image: me/app, ${limits} }\n  worker: { image: me/app, ${limits} }\n`,
    )
    const { manifest, contents } = await readManifestFile(file, { builder: 'podman' }, true)
    const id = await own.open(manifest)
    await until('the worker knows the lease', async () => own.running.worker.store.lease(id))
    await leases.sendContents(own.client, id, contents)
    await own.client.putManifest(id, manifest)
    await own.untilState(id, 'running')
    const { services } = await own.client.lease(id)
    expect(new Set(services.map(({ digest }) => digest)).size).toBe(1)
    expect((await own.sh(id, 'cat /data/word')).text.trim()).toBe('built')
    const again = await readManifestFile(file, { builder: 'podman' }, true)
    expect(again.manifest).toEqual(manifest)
    await own.close(id)
  }, 240_000)
})
