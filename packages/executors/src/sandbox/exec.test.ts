import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
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

it('ends with the command, whatever that left running and however slowly its output is taken', async () => {
  const pidFile = join(mkdtempSync(join(tmpdir(), 'cloister-exec-')), 'pid')
  const line = 'sleep 20 & head -c 500000 /dev/zero; exit 3'
  const session = execSession({ command: ['sh', '-c', line], pidFile }, { argv: [], terminal: undefined })
  const began = performance.now()
  await delay(2_500)
  let bytes = 0
  for await (const chunk of session.stdout) bytes += chunk.length
  expect(bytes).toBe(500_000)
  expect(performance.now() - began).toBeLessThan(15_000)
  session.kill()
})
