import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { freePort } from '../embedded.ts'
import { CLOI, type Ground } from './ground.ts'

/** A provider comes with a wallet, and leaves the rest to `provider join`. */
export function joiningTests(raised: () => Ground): void {
  test('a provider joins with one command, which says what each step costs', async () => {
    const { stage } = raised()
    const port = String(await freePort())
    const common = [
      'provider',
      'join',
      '--account',
      'carol',
      '--gpus',
      '1',
      '--gpu-class',
      'h200',
      '--port',
      port,
      '--no-run',
    ] as const
    // Nothing is written for somebody who can't act.
    expect((await stage.cloister(...common, '--yes')).stderr).toContain('no wallet carol')
    expect(existsSync(join(stage.folder, 'provider.yaml'))).toBe(false)
    const { address: carol } = await stage.json('wallet', 'create', '--name', 'carol')
    expect((await stage.cloister(...common, '--yes')).stderr).toContain('its pool needs 1875 CLOI more')
    for (const _ of [1, 2]) await stage.json('wallet', 'faucet', '--account', 'carol')
    const asked = await stage.cloister(...common)
    expect(asked).toMatchObject({ code: 1 })
    expect(asked.stderr).toContain('--yes')
    expect(asked.stdout).toMatch(/collateral +1875 CLOI of your pool stay/)
    expect(asked.stdout).toMatch(/1 × h200 would earn [\d.]+ CLOI an hour/)
    const joined = await stage.json(...common, '--yes')
    expect(joined).toMatchObject({
      provider: carol,
      enrolled: 'registered',
      staked: (1_875n * CLOI).toString(),
      collateral: (1_875n * CLOI).toString(),
    })
    expect(joined.gpus).toEqual({ gpuClass: 'h200', gpus: 1 })
    expect(BigInt(joined.ratePerSecond)).toBeGreaterThan(0n)
    // It has stopped, and says what it lacks.
    expect((await stage.cloister('provider', 'rewards')).stdout).toContain(
      'nobody vouches for GPUs of this worker',
    )
    // Typed again, what is done already is passed over.
    expect(await stage.json(...common, '--yes')).toMatchObject({ enrolled: 'unchanged', staked: '0' })
    // What the first worker has locked is not there for a second one.
    for (const _ of [1, 2]) await stage.json('wallet', 'faucet', '--account', 'carol')
    mkdirSync(join(stage.folder, 'second'))
    const second = [
      '--gpus',
      '1',
      '--gpu-class',
      'b200',
      '--port',
      String(await freePort()),
      '-c',
      'second/provider.yaml',
    ] as const
    expect(
      (await stage.cloister('provider', 'join', '--account', 'carol', ...second, '--no-run', '--yes')).stderr,
    ).toContain('its pool needs 2250 CLOI more')
    await stage.json('wallet', 'faucet', '--account', 'carol')
    expect(
      await stage.json('provider', 'join', '--account', 'carol', ...second, '--no-run', '--yes'),
    ).toMatchObject({
      enrolled: 'registered',
      staked: (2_250n * CLOI).toString(),
      collateral: (2_250n * CLOI).toString(),
      gpus: { gpuClass: 'b200', gpus: 1 },
    })
  }, 400_000)
}
