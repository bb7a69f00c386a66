import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type Remains, SandboxExecutor } from '@cloister/executors'
import { UNPACKED, WORKERS } from './workers.ts'

/** Does something with every lease that a worker's sandbox holds anything of. */
export async function eachSandboxedLease(
  folder: string,
  action: (sandbox: Remains, lease: string) => Promise<void>,
): Promise<void> {
  await Promise.all(
    WORKERS.map(async ({ name }) => {
      const own = join(folder, 'workers', name, 'sandbox')
      if (!existsSync(own)) return
      const sandbox = await SandboxExecutor.openRemains({
        folder: own,
        imageFolder: join(folder, UNPACKED),
        images: { layouts: [], trustedRegistries: [] },
      }).catch(() => undefined)
      for (const lease of (await sandbox?.leases()) ?? []) if (sandbox) await action(sandbox, lease)
      await sandbox?.close()
    }),
  )
}
