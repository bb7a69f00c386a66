import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from '../images/programs.ts'
import { type App, type Check, requireThat } from '../run/app.ts'

async function inClone(app: App, work: (folder: string) => Promise<unknown>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'cloister-apps-git-'))
  try {
    await run('git', ['clone', '-q', `${app.url()}/git/app.git`, folder])
    await work(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** What is pushed can be cloned, also after an update. */
export const check: Check = {
  use: (app) =>
    inClone(app, async (folder) => {
      await writeFile(join(folder, 'README'), 'kept\n')
      await run('git', ['-C', folder, 'add', '.'])
      const as = ['-c', 'user.name=me', '-c', 'user.email=me@example.org']
      await run('git', ['-C', folder, ...as, 'commit', '-qm', 'Begin'])
      await run('git', ['-C', folder, 'push', '-q', 'origin', 'HEAD:main'])
    }),
  kept: (app) =>
    inClone(app, async (folder) =>
      requireThat((await readFile(join(folder, 'README'), 'utf8')) === 'kept\n', 'the file says otherwise'),
    ),
  load: '/git/app.git/info/refs?service=git-upload-pack',
}
