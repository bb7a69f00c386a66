import { CloisterError, readManifest } from '@cloister/core'
import { type Bids, leases } from '@cloister/sdk'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { connect } from '../../context.ts'
import {
  checkedBid,
  composeFile,
  fakeCloister,
  PROVIDER,
  typed,
  typedJson,
  USDC,
  USDC_TOKEN,
  WORKER,
} from '../../testing.ts'
import { addDeploy, addManifest } from './commands.ts'

function withBids(found: Partial<Bids>) {
  vi.mocked(leases.bids).mockResolvedValue({ bids: [], declined: [], token: USDC_TOKEN, ...found } as Bids)
}

const bidsFor = (...words: string[]) => typed(addDeploy, 'bids', composeFile(), ...words)

beforeEach(() => {
  vi.mocked(connect).mockReturnValue(fakeCloister())
  withBids({ bids: [checkedBid()] })
})

describe('bids', () => {
  it('shows what the file needs, and an arrow at the bid that would be taken', async () => {
    withBids({ bids: [checkedBid(), checkedBid({ ratePerSecond: 200n })] })
    const { out, exitCode } = await bidsFor()
    expect(out).toMatch(/compose\.yaml {2}0\.1 CPU · 64 MiB memory · /)
    expect(out).toMatch(/→ +0\.36 +1d +worker-a +0x90F79b…b906 +0x709979…79C8 .* 50\.0% +sandbox +simulated/)
    expect(out).toMatch(/\n +0\.72 +1d +worker-a/)
    expect(out).toMatch(/\n\n {2}cloister deploy .*compose\.yaml takes the one at the arrow\n$/)
    expect(exitCode).toBe(0)
  })

  it('says who does not bid and why, without what a terminal obeys', async () => {
    const declined = [{ worker: WORKER, provider: PROVIDER, reason: 'It has too little\x1b[2J disk.' }]
    withBids({ bids: [checkedBid()], declined })
    expect((await bidsFor()).err).toBe('  0x90F79b…b906 does not bid: It has too little[2J disk.\n')
  })

  it('is an error where nobody bids, with the reasons and what to do', async () => {
    const declined = [{ worker: WORKER, provider: PROVIDER, reason: 'It has too few CPUs.' }]
    withBids({ declined })
    const { err, exitCode } = await bidsFor()
    expect(err).toContain('None of the 1 workers asked makes a bid: It has too few CPUs.')
    expect(err).toContain('see who else is there with `cloister workers`')
    expect(exitCode).toBe(1)
    withBids({})
    expect((await bidsFor()).err).toContain('There is no covered worker to ask.')
  })

  it('gives programs bids and who declined, also where nobody bids', async () => {
    withBids({ bids: [checkedBid()], declined: [{ worker: WORKER, provider: PROVIDER, reason: 'No.' }] })
    const { json } = await typedJson(addDeploy, 'bids', composeFile())
    expect(json).toMatchObject({
      manifestHash: expect.stringMatching(/^0x[0-9a-f]{64}$/),
      resources: { cpuMilli: 100, memoryMiB: 64 },
      bids: [
        { worker: WORKER, provider: PROVIDER, token: USDC, ratePerSecond: '100', minimumDeposit: '10000' },
      ],
      declined: [{ worker: WORKER, reason: 'No.' }],
    })
    withBids({})
    expect(await typedJson(addDeploy, 'bids', composeFile())).toMatchObject({
      json: { bids: [] },
      exitCode: 0,
    })
  })

  it('asks for what was said: a ceiling an hour, rounded down, a provider and a policy', async () => {
    await bidsFor(
      '--pay',
      'cloi',
      '--max-price',
      '0.000000000000010799',
      '--provider',
      PROVIDER.toLowerCase(),
    )
    expect(vi.mocked(leases.bids).mock.calls[0]?.[1]).toMatchObject({
      pay: 'CLOI',
      maxRatePerSecond: 2n,
      provider: PROVIDER,
      policy: { roots: ['devnet'] },
    })
    await bidsFor('--policy', 'root=intel,age=30m')
    expect(vi.mocked(leases.bids).mock.calls[1]?.[1].policy).toMatchObject({
      roots: ['intel'],
      maxAgeSeconds: 1800,
    })
  })

  it.each([
    [['--pay', 'GOLD'], 'GOLD is not a token to pay with.', 'Use --pay CLOI or --pay USDC.'],
    [['--provider', '0x70'], '0x70 is not an address.', 'See `cloister providers`.'],
    [['--max-price', 'much'], 'much', ''],
    [['--policy', 'root'], 'The policy is wrong: root is not name=value.', 'Say for instance root=intel'],
  ])('asks nobody with %j', async (words, message, hint) => {
    const { err, exitCode } = await bidsFor(...words)
    expect(err).toContain(message)
    expect(err).toContain(hint)
    expect(exitCode).toBe(1)
    expect(leases.bids).not.toHaveBeenCalled()
  })

  it('says where a file is wrong, and that one is not there', async () => {
    const broken = await typed(addDeploy, 'bids', composeFile('Not An Image'))
    expect(broken.err).toMatch(/compose\.yaml:3/)
    expect(broken.exitCode).toBe(1)
    expect((await typed(addDeploy, 'bids', '/nowhere/compose.yaml')).err).toContain('there is no such file')
  })

  it('shows an index’s lie as an error, in JSON too', async () => {
    vi.mocked(leases.bids).mockRejectedValue(
      new CloisterError('bad-answer', 'The index answered with rubbish.'),
    )
    expect((await bidsFor()).err).toContain('✘ The index answered with rubbish.')
    expect(await typedJson(addDeploy, 'bids', composeFile())).toMatchObject({
      json: { error: { code: 'bad-answer', message: 'The index answered with rubbish.' } },
      exitCode: 1,
    })
  })
})

describe('manifest', () => {
  it('prints the canonical form alone, and its hash beside it', async () => {
    const { out, err } = await typed(addManifest, 'manifest', composeFile())
    expect(readManifest(out).services['web']?.image).toBe('nginx:alpine')
    expect(err).toMatch(/SHA-256 0x[0-9a-f]{64}\nfrom compose · 0\.1 CPU/)
    const { json } = await typedJson(addManifest, 'manifest', composeFile())
    expect(err).toContain(json.manifestHash)
    expect(json.resources).toMatchObject({ memoryMiB: 64 })
  })
})
