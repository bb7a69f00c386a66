import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { execSession } from './exec.ts'

it('tells when a terminal has its new size, and changes none once the command has ended', async () => {
  const pidFile = join(mkdtempSync(join(tmpdir(), 'cloister-exec-')), 'pid')
  const session = execSession(
    { command: ['sh', '-c', 'echo begun; read line; stty size'], pidFile },
    { argv: [], terminal: { columns: 80, rows: 24 } },
  )
  let said = ''
  const begun = new Promise<void>((resolve) =>
    session.stdout.on('data', (chunk) => (said += chunk).includes('begun') && resolve()),
  )
  await begun
  await session.resize(101, 37)
  session.stdin.write('\n')
  expect(await session.exit).toBe(0)
  expect(said).toContain('37 101')
  await session.resize(80, 24)
})
