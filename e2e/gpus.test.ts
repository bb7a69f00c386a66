import { join } from 'node:path'
import { GpuConfirmation, type RunningWorker, Sequence, Verifier } from '@cloister/agent'
import { gpuNonceOf } from '@cloister/attest'
import { DevelopmentRoot } from '@cloister/attest/devnet'
import { connectWallet, developmentAccount, freshBlock, reportDataOf, WORKERS_ABI } from '@cloister/chain'
import { createCloister } from '@cloister/sdk'
import { hexToString, zeroAddress, zeroHash } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { canDeploy, raiseStage, type Stage, until } from './embedded.ts'
import { joinWith } from './joined-worker.ts'

describe.skipIf(!canDeploy)(
  'GPUs of a worker',
  () => {
    let stage: Stage
    let root: DevelopmentRoot
    let worker: RunningWorker
    const said: string[] = []

    /** A verifier of another provider's, and what it is asked about the worker's GPUs, bound to its last attestation. */
    const asking = async () => {
      const { chain, key, attestor } = worker.worker
      const { block } = attestor.latest ?? { block: await freshBlock(chain) }
      const { provider, tlsKeyHash } = attestor
      const nonce = await gpuNonceOf(reportDataOf(stage.embedded.network, { provider, worker: key.address, tlsKeyHash }, block.hash))
      const bound = { worker: key.address, tlsKeyHash, block: { number: Number(block.number), hash: block.hash } }
      return { verifier: new Verifier({ chain, key, provider: zeroAddress }), nonce, request: { kind: 'nvidia-gpus', ...bound } as const }
    }

    beforeAll(async () => {
      stage = await raiseStage()
      root = await DevelopmentRoot.open(join(stage.folder, 'state', 'attestation'))
      worker = await joinWith(stage, 'gpu', 8, { capacity: { cpus: 1, memory: '512MiB', disk: '1GiB', gpus: 2, gpuClass: 'h200' } }, said)
    }, 180_000)
    afterAll(async () => {
      await worker?.stop()
      await stage?.end()
    }, 180_000)

    it('count on chain once verifiers of other providers vouch for them', async () => {
      const { network } = stage.embedded
      const { index } = createCloister({ network })
      const { address } = worker.worker.key
      const record = await until('the GPUs are confirmed', async () => {
        const found = await index.worker(address)
        return found.confirmedGpus && found
      }).catch((error) => {
        throw new Error(said.join('\n'), { cause: error })
      })
      expect(record.confirmedGpus).toMatchObject({ gpuClass: 'h200', gpus: 2 })
      const { client } = connectWallet(network, developmentAccount(network, 8))
      const [gpuClass, gpus] = await client.readContract({ address: network.contracts.workers, abi: WORKERS_ABI, functionName: 'gpusOf', args: [address] })
      expect([hexToString(gpuClass).replace(/\0+$/, ''), gpus]).toEqual(['h200', 2n])
      expect((await stage.cloister('workers')).stdout).toMatch(/2 × h200(?! \(not confirmed\))/)
    })

    it('are tried again where it fails, with fresh evidence', async () => {
      const { network } = stage.embedded
      const { chain, key, attestor } = worker.worker
      const failures: string[] = []
      let asked = 0
      const gpuEvidence = async (nonce: string) => {
        if (++asked === 1) throw new Error('the GPU is busy')
        return { tokens: await root.gpuTokens(nonce, [{ model: 'GH100 A01', ueid: '77' }]) }
      }
      const quote = () => Promise.reject(new Error('not needed'))
      const aborter = new AbortController()
      const wallet = connectWallet(network, key)
      const { provider, tlsKeyHash } = attestor
      const confirmation = new GpuConfirmation(
        {
          wallet,
          worker: key.address,
          provider,
          tlsKeyHash,
          source: { name: 'test', quote, gpuEvidence },
          sequence: new Sequence(),
          log: (level, _message, fields) => level === 'warn' && failures.push(String(fields?.['error'])),
        },
        aborter.signal,
        100,
      )
      confirmation.begin(await freshBlock(chain))
      const { confirmedGpus } = await until('one GPU is confirmed', async () => {
        const found = await createCloister({ network }).index.worker(key.address)
        return found.confirmedGpus?.gpus === 1 && found
      }).finally(() => aborter.abort())
      expect(confirmedGpus).toMatchObject({ gpuClass: 'h100', gpus: 1 })
      expect(failures[0]).toBe('the GPU is busy')
    })

    it('are not vouched for where the tokens are old, of another worker, unsigned or of no model that counts', async () => {
      const { verifier, nonce, request } = await asking()
      const gpu = { model: 'GH100 A01', ueid: '1' }
      expect(await verifier.judge({ ...request, tokens: await root.gpuTokens(nonce, [gpu]) })).toMatchObject({ gpuClass: 'h100', gpus: 1 })
      for (const [tokens, reason] of [
        [await root.gpuTokens('00'.repeat(32), [gpu]), 'another nonce'],
        [await (await DevelopmentRoot.create()).gpuTokens(nonce, [gpu]), 'not signed by a key of the set'],
        [await root.gpuTokens(nonce, [{ ...gpu, model: 'AD102' }]), 'of no class that counts'],
        ['nonsense', 'no detached EAT bundle'],
      ] as const)
        await expect(verifier.judge({ ...request, tokens }), reason).rejects.toMatchObject({ code: 'bad-evidence', message: expect.stringContaining(reason) })
      const tokens = await root.gpuTokens(nonce, [gpu])
      await expect(verifier.judge({ ...request, tokens, tlsKeyHash: zeroHash })).rejects.toMatchObject({ message: expect.stringContaining('another nonce') })
      await expect(verifier.judge({ ...request, tokens, block: { ...request.block, hash: zeroHash } })).rejects.toMatchObject({
        message: expect.stringContaining('not of this chain'),
      })
      const { chain, key, attestor } = worker.worker
      const own = new Verifier({ chain, key, provider: attestor.provider })
      await expect(own.judge({ ...request, tokens })).rejects.toMatchObject({ code: 'forbidden' })
    })

    it('are H200s where the report of each says so, signed by the GPU that the tokens name, and H100s where one does not', async () => {
      const { verifier, nonce, request } = await asking()
      const [first, second, h100] = await Promise.all([root.manufactureGpu('h200'), root.manufactureGpu('h200'), root.manufactureGpu('h100')])
      const reportOf = (gpu: typeof first, of = nonce) => ({ report: Buffer.from(gpu.report(of)).toString('base64'), certificates: gpu.certificates })
      const judge = async (gpus: (typeof first)[], reports: ReturnType<typeof reportOf>[]) =>
        verifier.judge({ ...request, tokens: await root.gpuTokens(nonce, gpus), reports })
      expect(await judge([first, second], [reportOf(first), reportOf(second)])).toMatchObject({ gpuClass: 'h200', gpus: 2 })
      for (const [gpus, reports] of [
        [[first, second], [reportOf(first)]],
        [[first, second], []],
        [
          [first, h100],
          [reportOf(first), reportOf(h100)],
        ],
        // Somebody else's H200 doesn't make this one any better.
        [[h100], [reportOf(first)]],
      ] as const)
        expect(await judge([...gpus], [...reports])).toMatchObject({ gpuClass: 'h100', gpus: gpus.length })
      const foreign = await (await DevelopmentRoot.create()).manufactureGpu('h200')
      const changed = Buffer.from(first.report(nonce))
      changed[changed.indexOf('895')] = 0x39
      for (const [report, reason] of [
        [reportOf(first, '00'.repeat(32)), 'another nonce'],
        [reportOf(foreign), 'does not chain'],
        [{ ...reportOf(first), report: changed.toString('base64') }, 'signature'],
        [{ ...reportOf(first), certificates: second.certificates }, 'signature'],
        [{ ...reportOf(first), report: 'AAAA' }, ''],
        [{ ...reportOf(first), certificates: 'none' }, ''],
      ] as const)
        await expect(judge([first], [report]), reason).rejects.toMatchObject({ code: 'bad-evidence', message: expect.stringContaining(reason) })
    })
  },
  180_000,
)
