import { spawn } from 'node:child_process'
import { chown, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { canRun } from '@cloister/development/engines'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

/** Nobody's. */
const USER = 65_533

/** What an ordinary user does with the sandbox, told as JSON. */
const DEED = `
  import { readdirSync, writeFileSync } from 'node:fs'
  import { SandboxExecutor } from '@sandbox'
  import { buildWorkbench, WORKBENCH_IMAGE } from '@workbench'
  import { archive } from '@archives'
  const folder = process.argv[1]
  await buildWorkbench(folder + '/layout')
  const images = { layouts: [folder + '/layout'], trustedRegistries: [] }
  const executor = await SandboxExecutor.open({ folder: folder + '/own', imageFolder: folder + '/images', images })
  const image = await executor.pull(WORKBENCH_IMAGE)
  writeFileSync(folder + '/sent.tar', archive({ path: 'closed', type: '5', mode: 0o500 }, { path: 'closed/f', body: 'sent', uid: 7 }))
  const lease = '0x' + '0d'.repeat(32)
  const spec = { lease, name: 'web-0', service: 'web', peers: ['web'], image, revision: '1', workingDir: '/', user: '', hostname: 'web',
    argv: ['node', '-e', "require('http').createServer((q,s)=>s.end('hello')).listen(80);console.log('up')"], env: { PATH: '/usr/bin:/bin' },
    mounts: [{ volume: 'data', path: '/data', readOnly: false },
      { volume: 'sent', path: '/sent', readOnly: false, from: folder + '/sent.tar' }], tmpfs: [], files: [], cpuMilli: 1000, memoryMiB: 128, maxProcesses: 64,
    gpus: 0, ulimits: {}, readOnlyRoot: false, stopSignal: 'SIGTERM' }
  const sh = async (line) => {
    const session = await executor.exec(lease, 'web-0', { argv: ['sh', '-c', line], terminal: undefined })
    let output = ''
    session.stdout.on('data', (chunk) => (output += chunk))
    session.stderr.on('data', (chunk) => (output += chunk))
    session.stdin.end()
    await session.exit
    return output
  }
  const told = { missing: executor.isolation.missing }
  try {
    await executor.start(spec)
    for await (const { text } of executor.logs(lease, 'web-0', { tail: 5, follow: true, signal: AbortSignal.timeout(20000) })) {
      told.log = text
      break
    }
    const stream = await executor.connect(lease, 'web-0', 80)
    stream.write('GET / HTTP/1.0\\r\\n\\r\\n')
    told.answer = ''
    for await (const chunk of stream) told.answer += chunk
    told.id = await sh('id -u; echo kept > /data/file; echo out > /dev/stdout')
    told.sent = await sh('cat /sent/closed/f; ls -ln /sent')
    told.set = await sh('echo x > /proc/sys/kernel/core_pattern')
    await executor.stop(lease, 'web-0', 100)
    await executor.restart(lease, 'web-0')
    told.kept = await sh('cat /data/file; mkdir -m 0 /data/closed')
    told.other = await executor.start({ ...spec, user: '1000' }).then(() => 'runs', (error) => error.message)
  } finally {
    await executor.destroy(lease)
    told.left = [...(await executor.leases()), ...readdirSync(folder + '/own/leases')]
    await executor.close()
  }
  console.log(JSON.stringify(told))`

describe.skipIf(!canRun('runc'))('the sandbox, without root,', () => {
  let folder: string

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cloister-without-root-'))
    if (process.getuid?.() === 0) await chown(folder, USER, USER)
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  it('runs, serves, keeps and ends a container, and says what it lacks', async () => {
    const source = (path: string) => JSON.stringify(join(import.meta.dirname, path))
    const script = DEED.replace("'@sandbox'", source('sandbox.ts'))
      .replace("'@workbench'", source('../oci/workbench.ts'))
      .replace("'@archives'", source('../oci/tar-testing.ts'))
    const node = [
      process.execPath,
      '--disable-warning=ExperimentalWarning',
      '--input-type=module',
      '-e',
      script,
      folder,
    ]
    // Whoever runs the tests as root may keep the sources where others can't read them: that much, and no
    // more, is granted.
    const drop = [
      'setpriv',
      `--reuid=${USER}`,
      `--regid=${USER}`,
      '--clear-groups',
      '--inh-caps=-all,+dac_read_search',
      '--ambient-caps=-all,+dac_read_search',
    ]
    const [program = '', ...words] = process.getuid?.() === 0 ? [...drop, '--', ...node] : node
    const child = spawn(program, words, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: '/usr/bin:/bin:/usr/sbin', HOME: folder, TMPDIR: folder },
    })
    let [output, errors] = ['', '']
    child.stdout.on('data', (chunk) => (output += chunk))
    child.stderr.on('data', (chunk) => (errors += chunk))
    await new Promise((resolve) => child.once('close', resolve))
    expect(output, errors).toMatch(/^\{/)
    const told = JSON.parse(output)
    expect(told).toMatchObject({
      log: 'up',
      answer: expect.stringContaining('hello'),
      id: '0\nout\n',
      kept: 'kept\n',
      sent: expect.stringMatching(/^sent(?:.|\n)*dr-x------ +2 0 +0 /),
      left: [],
    })
    expect(told.set).toMatch(/Read-only|Permission denied/)
    expect(told.missing).toContainEqual(expect.stringMatching(/disk limit by the kernel/))
    expect(told.missing).toContainEqual(expect.stringMatching(/user ids of its own for each lease/))
    if (told.missing.some((text: string) => text.includes('subordinate ids')))
      expect(told.other).toMatch(/as root only/)
    else expect(told.other).toBe('runs')
  }, 240_000)
})
