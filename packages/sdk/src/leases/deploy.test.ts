import { connectWallet, getLease, getTokenBalance, refuseLease, updateLease } from '@cloister/chain'
import { CloisterError, hashManifest, parseManifest } from '@cloister/core'
import { type Envelope, generateKeyPair, sealSecrets } from '@cloister/secrets'
import type { Address, Hex } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { topUp } from './close.ts'
import { type DeployParameters, type DeployStep, deploy } from './deploy.ts'
import { openSession, status } from './lease.ts'
import { cloisterOn, manifestOf, recordOf, type Stage, sessionWith, startStage } from './testing.ts'
import { update } from './update.ts'

const MANIFEST = manifestOf()
const NEWER = manifestOf('web:2')

let stage: Stage

beforeAll(async () => {
  stage = await startStage()
}, 60_000)
afterAll(() => stage?.stop())

const running = { state: 'running', services: [{ name: 'web-0', state: 'running', restarts: 0 }] }
const failed = { state: 'failed', services: [{ name: 'web-0', state: 'failed', restarts: 0, exitCode: 3 }] }

/** A worker that takes what it is given, and reports `report` of it. */
function workerThat(report: object, changes: object = {}) {
  return {
    putManifest: vi.fn(async (_: Hex) => {}),
    lease: async () => report,
    logs: async function* () {
      yield { text: 'boom' }
    },
    ...changes,
  }
}

/** Deploys on one worker. */
async function deployOn(worker: object, parameters: Partial<DeployParameters> = {}) {
  const chosen = await stage.bid(MANIFEST)
  const cloister = cloisterOn(stage)
  sessionWith(cloister, chosen.worker, worker)
  const bids = stage.found(chosen)
  return deploy(cloister, { manifest: MANIFEST, bids, pay: 'USDC', deposit: 10_000n, ...parameters })
}

const money = () => getTokenBalance(stage.tenant, stage.usdc, stage.tenant.account.address)

describe('deploy', () => {
  it('opens a lease with one transaction, hands over the manifest and says what it is', async () => {
    const before = await money()
    const worker = workerThat(running)
    const steps: DeployStep[] = []
    const deployed = await deployOn(worker, { onStep: (step) => void steps.push(step) })
    expect(deployed).toMatchObject({ deposit: 10_000n, manifestHash: hashManifest(MANIFEST), url: {} })
    expect(worker.putManifest).toHaveBeenCalledWith(
      deployed.lease,
      MANIFEST,
      // The key that what is left of the lease is sealed to.
      expect.stringMatching(/^0x[0-9a-f]{64}$/),
    )
    expect([...new Set(steps)]).toEqual(['evidence', 'transaction', 'manifest', 'start', 'address'])
    expect(await getLease(stage.tenant, deployed.lease)).toMatchObject({ state: 'open' })
    expect(before - (await money())).toBe(10_000n)
  })

  it('closes a lease whose containers don’t start, with their last lines', async () => {
    const error: CloisterError = await deployOn(workerThat(failed)).catch((caught) => caught)
    expect(error).toMatchObject({
      code: 'start-failed',
      message:
        'web-0 does not start: it ended with code 3. The lease is closed and the rest of the deposit is back.',
      hint: { do: 'deploy-again' },
      details: { last: { container: 'web-0', lines: ['boom'] } },
    })
    expect(await getLease(stage.tenant, error.details['lease'] as Hex)).toMatchObject({ state: 'closed' })
  })

  it('leaves it open where that is wanted, and says how to end it', async () => {
    const error = await deployOn(workerThat(failed), { keepFailed: true }).catch((caught) => caught)
    expect(error).toMatchObject({ code: 'start-failed', hint: { do: 'look-into-lease' } })
    expect(await getLease(stage.tenant, error.details.lease)).toMatchObject({ state: 'open' })
  })

  it('passes over a worker that isn’t what the policy asks, before money moves', async () => {
    const [bad, good] = [await stage.bid(MANIFEST), await stage.bid(MANIFEST)]
    const cloister = cloisterOn(stage)
    const parameters = { manifest: MANIFEST, pay: 'USDC', deposit: 10_000n }
    sessionWith(cloister, bad.worker, workerThat(running)).demand = async () => {
      throw new CloisterError('policy', 'The machine is too old.')
    }
    sessionWith(cloister, good.worker, workerThat(running))
    const before = await money()
    await expect(
      deploy(cloister, { ...parameters, bids: stage.found(bad, good), chosen: bad }),
    ).rejects.toMatchObject({ code: 'policy' })
    await expect(deploy(cloister, { ...parameters, bids: stage.found(bad) })).rejects.toMatchObject({
      code: 'policy',
    })
    expect(await money()).toBe(before)
    await expect(deploy(cloister, { ...parameters, bids: stage.found(bad, good) })).resolves.toBeDefined()
  })

  it('takes the deposit back from a worker that turns the lease down, and says how to report it', async () => {
    const putManifest = async (lease: Hex) => {
      await refuseLease(connectWallet(stage.chain.network, stage.worker), lease)
      throw new CloisterError('not-found', 'This worker has no open lease.')
    }
    const before = await money()
    await expect(deployOn(workerThat(running, { putManifest }))).rejects.toMatchObject({
      code: 'refused',
      message: 'The worker turned the lease down. The whole deposit is back.',
      hint: { do: 'report-refusal' },
    })
    expect(await money()).toBe(before)
  })

  it('closes a lease whose manifest the worker takes for a bad one', async () => {
    const putManifest = async () => {
      throw new CloisterError('unsupported', 'The manifest asks for too much.')
    }
    await expect(deployOn(workerThat(running, { putManifest }))).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringContaining('The lease is closed and the rest of the deposit is back.'),
    })
  })

  it('opens nothing for an account without ether or with too little money', async () => {
    const poor = connectWallet(stage.chain.network, privateKeyToAccount(generatePrivateKey()))
    const chosen = await stage.bid(MANIFEST)
    const open = (wallet: typeof poor, deposit: bigint) => {
      const cloister = cloisterOn(stage, {}, wallet)
      sessionWith(cloister, chosen.worker, workerThat(running))
      return deploy(cloister, { manifest: MANIFEST, bids: stage.found(chosen), pay: 'USDC', deposit })
    }
    await expect(open(poor, 1n)).rejects.toMatchObject({ code: 'no-gas', hint: { do: 'fund-account' } })
    await expect(open(stage.tenant, 10n ** 15n)).rejects.toMatchObject({
      code: 'no-money',
      message: expect.stringMatching(/ USDC; the deposit is 1000000000 USDC\.$/),
    })
  })

  it('opens nothing where whoever deploys doesn’t agree, or nobody bids', async () => {
    const greedy = await stage.bid(MANIFEST, { minimumDeposit: 500_000_000n })
    const cloister = cloisterOn(stage)
    sessionWith(cloister, greedy.worker, workerThat(running))
    const parameters = { manifest: MANIFEST, pay: 'USDC', deposit: () => 1n, agree: async () => false }
    await expect(deploy(cloister, { ...parameters, bids: stage.found(greedy) })).rejects.toMatchObject({
      code: 'cancelled',
    })
    await expect(deploy(cloister, { ...parameters, bids: stage.found() })).rejects.toMatchObject({
      code: 'no-bids',
      message: 'There is no covered worker to ask.',
      hint: { do: 'list-workers' },
    })
  })
})

describe('a lease that is open', () => {
  let lease: Hex

  beforeAll(async () => {
    ;({ lease } = await deployOn(workerThat(running)))
  })

  /** A tenant whose index has the lease, on `worker`. */
  function knowing(worker: object, wallet = stage.tenant) {
    const record = recordOf(stage, lease)
    const index = { lease: async () => record, leases: async () => ({ items: [record] }) }
    const cloister = cloisterOn(stage, index, wallet)
    sessionWith(cloister, record, worker)
    return cloister
  }
  const reports = (hash: Hex, changes: object = {}) =>
    workerThat({ ...running, manifestHash: hash, ...changes }, { putManifest: vi.fn(async () => {}) })

  it('has a status with what it costs, and what its worker says of it', async () => {
    const found = await status(knowing(reports(hashManifest(MANIFEST))), lease)
    expect(found).toMatchObject({ state: 'running', attestation: 'simulated', symbol: 'USDC', routes: [] })
    expect(found.spent + found.balance).toBe(10_000n)
    expect(found.secondsLeft).toBe(Number(found.balance / found.ratePerSecond))
  })

  it('has one where the worker doesn’t answer, and for strangers, who may not ask it', async () => {
    const away = workerThat(running, {
      lease: () => Promise.reject(new CloisterError('unreachable', 'It does not answer.')),
    })
    expect(await status(knowing(away), lease)).toMatchObject({
      state: 'unreachable',
      problem: 'It does not answer.',
    })
    expect(await status(knowing(away, stage.chain.wallet(5)), lease)).toMatchObject({
      state: 'open',
      problem: undefined,
    })
  })

  it('takes more money of its tenant, and of others only where it is named whole', async () => {
    const before = (await getLease(stage.tenant, lease)).balance
    const { balance, amount } = await topUp(knowing({}), lease.slice(2, 18), ({ decimals }) =>
      BigInt(decimals),
    )
    expect(amount).toBe(6n)
    expect(balance).toBeLessThanOrEqual(before + 6n)
    const stranger = stage.chain.wallet(5)
    await expect(topUp(knowing({}, stranger), lease.slice(2, 18), 1n)).rejects.toMatchObject({
      code: 'forbidden',
      hint: `To pay for it all the same, name it by its whole id: ${lease}`,
    })
    await expect(topUp(knowing({}), `0x${'0'.repeat(64)}`, 1n)).rejects.toMatchObject({
      code: 'not-found',
      hint: { do: 'list-leases' },
    })
  })

  it('is left alone where it runs that manifest already', async () => {
    const worker = reports(hashManifest(MANIFEST))
    expect(await update(knowing(worker), lease, MANIFEST)).toMatchObject({
      handedOver: false,
      transaction: undefined,
    })
    expect(worker.putManifest).not.toHaveBeenCalled()
  })

  it('keeps secrets that new ones lack, and loses none where it can’t', async () => {
    const file = 'services: { web: { image: web, x-sealed: [PASSWORD, "tls.key:/tls.key"] } }'
    const { manifest } = parseManifest(file, { file: 'compose.yaml' })
    const app = `0x${'a1'.repeat(32)}` as const
    const keys: Parameters<typeof sealSecrets>[1] = [
      (await generateKeyPair()).publicKey,
      (await generateKeyPair()).publicKey,
      (await generateKeyPair()).publicKey,
    ]
    const sealed = (name: string, writer?: Address) =>
      sealSecrets(app, keys, { [name]: new Uint8Array(1) }, writer)
    let has: unknown
    const worker = {
      ...reports(hashManifest(manifest)),
      secrets: async () => has,
      putSecrets: vi.fn(async (_: Hex, __: Envelope) => {}),
    }
    const { address } = stage.tenant.account
    const envelope = await sealed('tls.key', address)
    const stays = { code: 'secrets-missing', hint: expect.stringContaining('all of them at once') }
    const refused = (why: string) =>
      expect(update(knowing(worker), lease, manifest, { envelope })).rejects.toMatchObject({
        ...stays,
        message: expect.stringContaining(`takes PASSWORD, which the new sealed secrets lack; ${why}`),
      })
    await refused('the lease has none')
    has = await sealed('OTHER', address)
    await refused('the lease has none')
    for (const writer of [undefined, stage.worker.address]) {
      has = await sealed('PASSWORD', writer)
      await refused('those that the lease has were sealed by another account')
    }
    expect(worker.putSecrets).not.toHaveBeenCalled()
    expect((await getLease(stage.tenant, lease)).manifestHash).toBe(hashManifest(MANIFEST))
    has = await sealed('PASSWORD', address)
    await update(knowing(worker), lease, manifest, { envelope })
    expect(worker.putSecrets.mock.lastCall?.[1]).toMatchObject({
      names: ['tls.key'],
      kept: { sealed: [has] },
    })
    await updateLease(stage.tenant, lease, hashManifest(MANIFEST))
  })

  it('gets its old hash back where the new manifest doesn’t start', async () => {
    const worker = reports(hashManifest(MANIFEST), {
      failed: { manifestHash: hashManifest(NEWER), reason: 'web-0 ended.' },
    })
    const steps: string[] = []
    await expect(
      update(knowing(worker), lease, NEWER, { onStep: (text) => void steps.push(text) }),
    ).rejects.toMatchObject({
      code: 'update-failed',
      message: 'web-0 ended. The manifest before runs on, and its hash is on the lease again.',
    })
    expect(steps.at(-1)).toBe('going back to the manifest before')
    expect((await getLease(stage.tenant, lease)).manifestHash).toBe(hashManifest(MANIFEST))
  })

  it('gets nothing where its worker isn’t what the policy asks', async () => {
    const worker = reports(hashManifest(MANIFEST))
    const cloister = knowing(worker)
    const session = await openSession(cloister, lease)
    session.demand = async () => {
      throw new CloisterError('policy', 'The machine is too old.')
    }
    const policy = { roots: ['intel' as const] }
    await expect(update(cloister, lease, NEWER, { policy } as never)).rejects.toMatchObject({
      code: 'policy',
    })
    expect(worker.putManifest).not.toHaveBeenCalled()
    expect((await getLease(stage.tenant, lease)).manifestHash).toBe(hashManifest(MANIFEST))
  })

  it('is its tenant’s to update', async () => {
    const other = knowing(reports(hashManifest(MANIFEST)), stage.chain.wallet(5))
    await expect(update(other, lease, NEWER)).rejects.toMatchObject({
      code: 'forbidden',
      hint: { do: 'name-account' },
    })
  })

  it('runs a new manifest, whose hash is on it then', async () => {
    let hash = hashManifest(MANIFEST)
    const worker = workerThat(running, {
      putManifest: async () => {
        hash = hashManifest(NEWER)
      },
      lease: async () => ({ ...running, manifestHash: hash }),
    })
    expect(await update(knowing(worker), lease, NEWER)).toMatchObject({
      handedOver: true,
      manifestHash: hashManifest(NEWER),
      previousManifestHash: hashManifest(MANIFEST),
      transaction: expect.stringMatching(/^0x/),
    })
    expect((await getLease(stage.tenant, lease)).manifestHash).toBe(hashManifest(NEWER))
  })
})
