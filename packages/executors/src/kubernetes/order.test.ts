import { spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { FAILED, frame, Order } from './order.ts'
import { STARTER } from './starter.ts'

// The starter is a program for the processors that have confidential virtual machines.
describe.skipIf(process.platform !== 'linux' || process.arch !== 'x64')('the starter', () => {
  let folder: string
  let program: string

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'cloister-starter-'))
    program = join(folder, 'start')
    writeFileSync(program, STARTER)
    chmodSync(program, 0o755)
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  /** Runs the starter with what it is to read. */
  const start = async (input: Buffer[], args: string[] = [], isEnded = true) => {
    const child = spawn(program, args, { stdio: 'pipe' })
    child.stdin.on('error', () => {})
    for (const chunk of input) child.stdin.write(chunk)
    if (isEnded) child.stdin.end()
    let output = ''
    child.stdout.on('data', (chunk) => (output += chunk))
    child.stderr.on('data', (chunk) => (output += chunk))
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
    child.stdin.destroy()
    return { code, output }
  }

  it('writes files and runs a program, found in PATH, with exactly what it is told', async () => {
    const env = { PATH: '/nowhere:/usr/bin:/bin', SECRET: 'a b=c' }
    const [path, work] = [join(folder, 'file'), join(folder, 'deep', 'er')]
    const order = new Order()
      .writeFile(path, Buffer.from('content'), 0o640)
      .limit('nofile', { soft: 77, hard: 88 })
      .workIn(work)
      .run(['sh', '-c', 'pwd; env | sort; ulimit -n; cat; exit 7'], env)
    const { code, output } = await start([order.bytes(), Buffer.from('the rest')])
    expect(code).toBe(7)
    expect(output.split('\n').filter((line) => !/^(_|SHLVL|PWD|OLDPWD)=/.test(line))).toEqual([
      work,
      'PATH=/nowhere:/usr/bin:/bin',
      'SECRET=a b=c',
      '77',
      'the rest',
    ])
    expect(readFileSync(path, 'utf8')).toBe('content')
    expect(statSync(path).mode & 0o7777).toBe(0o640)
  })

  it('takes an order from a file, and a long file in several orders', async () => {
    const pieces = [Buffer.alloc(3 << 20, 'a'), Buffer.alloc(100_000, 'b'), Buffer.from('c')]
    const path = join(folder, 'long')
    const orders = pieces.map((piece, index) =>
      new Order().appendFile(path, piece, { isFirst: index === 0, isLast: index === 2, mode: 0o600 }).bytes(),
    )
    expect(await start(orders)).toEqual({ code: 0, output: '' })
    expect(readFileSync(path).equals(Buffer.concat(pieces))).toBe(true)
    const file = join(folder, 'order')
    writeFileSync(file, new Order().unlink(file).print(path, 5).say('!').exit(3).bytes())
    expect(await start([], [file])).toEqual({ code: 3, output: 'aaaaa!' })
    expect(existsSync(file)).toBe(false)
  })

  it('ends standard input where it is told, while the connection stays', async () => {
    const order = new Order().pump().run(['cat'], { PATH: '/usr/bin:/bin' }).bytes()
    const big = Buffer.alloc(200_000, 'x')
    const { code, output } = await start(
      [order, frame(Buffer.from('one ')), frame(big), frame(Buffer.alloc(0))],
      [],
      false,
    )
    expect(code).toBe(0)
    expect(output === `one ${'x'.repeat(200_000)}`).toBe(true)
  })

  it('does nothing where an order is cut short, and says which step failed', async () => {
    const path = join(folder, 'never')
    const order = new Order().writeFile(path, Buffer.from('x'), 0o600).bytes()
    expect((await start([order.subarray(0, -1)])).code).toBe(FAILED.order)
    expect(existsSync(path)).toBe(false)
    const huge = Buffer.from(order)
    huge.writeBigUInt64LE(1n << 40n, 0)
    expect((await start([huge])).code).toBe(FAILED.order)
    const exitOf = async (wrong: Order) => (await start([wrong.bytes()])).code
    expect(await exitOf(new Order().writeFile('/nowhere/x', Buffer.from('x'), 0o600))).toBe(FAILED.file)
    expect(await exitOf(new Order().workIn('/proc/self/status'))).toBe(FAILED.workingDir)
    expect(await exitOf(new Order().run(['no-such-program'], {}))).toBe(FAILED.noProgram)
    writeFileSync(path, 'not a program', { mode: 0o644 })
    expect(await exitOf(new Order().run([path], {}))).toBe(FAILED.notExecutable)
    expect(() => new Order().run(['a\0b'], {})).toThrow()
  })
})
