import { writeFile } from 'node:fs/promises'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { GpuConfirmation, type RunningWorker, Sequence, Verifier } from '@cloister/agent'
import { gpuNonceOf } from '@cloister/attest'
import {
  connectWallet,
  freshBlock,
  getConfirmedGpus,
  getVerifierProvider,
  reportDataOf,
  signVerdict,
  WORKERS_ABI,
} from '@cloister/chain'
import { type UnsignedVerdictRequest, type VerdictRequest, verdictRequestTypedData } from '@cloister/core'
import { developmentAccount } from '@cloister/development/accounts'
import { DevelopmentRoot, developmentGuest } from '@cloister/development/root'
import { createCloister, workerOfRecord } from '@cloister/sdk'
import { hexToString, type LocalAccount, zeroAddress, zeroHash } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { collectVerdict } from '../packages/agent/src/verdicts/collect.ts'
import { canDeploy, raiseStage, type Stage, until } from './embedded.ts'
import { joinWith } from './joined-worker.ts'

const CONFIGURATION = {
  capacity: { cpus: 1, memory: '512MiB', disk: '2GiB', gpus: 2, gpuClass: 'h200' },
  prices: { USDC: { cpu: '0.01', memoryGiB: '0.001', diskGiB: '0.0001', gpu: { h200: '1' } } },
}

const SERVER =
  'process.on("SIGTERM", () => process.exit(0)); require("http").createServer((q, s) => s.end(process.env.EDITION)).listen(8080)'

/** A service with one GPU of a model, in confidential mode. */
const withGpu = (model: string, variable: string) =>
  `version: "2.1"
services: { web: { image: "cloister/hello:1", command: [node, -e], args: [${JSON.stringify(SERVER)}], env: ["EDITION=${variable}"], expose: [{ port: 8080, as: 80, to: [{ global: true }] }], params: { tee: cpu-gpu } } }
profiles:
  compute: { web: { resources: { cpu: { units: 0.25 }, memory: { size: 128Mi }, storage: { size: 256Mi }, gpu: { units: 1, attributes: { vendor: { nvidia: [{ model: ${model} }] } } } } } }
  placement: { here: { pricing: { web: { denom: uakt, amount: 1 } } } }
deployment: { web: { here: { profile: web, count: 1 } } }
`

describe.skipIf(!canDeploy)(
  'GPUs of a worker',
  () => {
    let stage: Stage
    let root: DevelopmentRoot
    let worker: RunningWorker
    const said: string[] = []

    /**
     * A verifier of another provider's, and what it is asked about the worker's GPUs, bound to its last
     * attestation.
     */
    const asking = async () => {
      const { chain, key, attestor } = worker.worker
      const { network } = stage.embedded
      const latest = attestor.latest
      if (!latest) throw new Error('it has not attested')
      const { provider, tlsKeyHash } = attestor
      const nonce = await gpuNonceOf(
        reportDataOf(network, { provider, worker: key.address, tlsKeyHash }, latest.block.hash),
      )
      const guest = { kind: 'tdx', evidence: Buffer.from(latest.quote).toString('base64') } as const
      const block = { number: Number(latest.block.number), hash: latest.block.hash }
      const request = { kind: 'nvidia-gpus', worker: key.address, tlsKeyHash, block, guest } as const
      const verifier = new Verifier({ chain, key, provider: zeroAddress })
      /** The request, signed by the worker's key or another one. */
      const signed = async (unsigned: UnsignedVerdictRequest, by: LocalAccount = key) => {
        const { chainId, contracts } = network
        const typed = verdictRequestTypedData(unsigned, chainId, contracts.workers)
        const signature = await by.signTypedData(typed)
        return { ...unsigned, signature } as VerdictRequest
      }
      const judge = async (more: object) =>
        verifier.judge(await signed({ ...request, ...more } as UnsignedVerdictRequest))
      return { verifier, nonce, request, signed, judge }
    }

    beforeAll(async () => {
      stage = await raiseStage()
      root = await DevelopmentRoot.open(join(stage.folder, 'state', 'attestation'))
      worker = await joinWith(stage, 'gpu', 8, CONFIGURATION, said)
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
      const [gpuClass, gpus] = await client.readContract({
        address: network.contracts.workers,
        abi: WORKERS_ABI,
        functionName: 'gpusOf',
        args: [address],
      })
      expect([hexToString(gpuClass).replace(/\0+$/, ''), gpus]).toEqual(['h200', 2n])
      expect((await stage.cloister('workers')).stdout).toMatch(/2 × h200(?! \(not confirmed\))/)
    })

    it('serve a lease that demands them in confidential mode, and are looked at anew when it is updated', async () => {
      const file = async (model: string, variable: string) => {
        const path = join(stage.folder, `${model}-${variable}.yaml`)
        await writeFile(path, withGpu(model, variable))
        return path
      }
      const { lease, url } = await stage.json(
        'deploy',
        await file('h200', 'one'),
        '--provider',
        worker.worker.key.address,
        '--for',
        '10m',
        '--yes',
      )
      const updated = await stage.json('update', lease, await file('h200', 'two'))
      expect(updated).toMatchObject({ handedOver: true, transaction: expect.stringMatching(/^0x/) })
      expect(await stage.json('status', lease)).toMatchObject({
        state: 'running',
        manifestHash: updated.manifestHash,
      })
      expect(await (await fetch(url.web)).text()).toBe('two')
      // What the worker has isn't what another file demands, and nothing is handed over for that.
      const refused = await stage.cloister('update', lease, await file('h100', 'three'))
      expect([refused.code, refused.stderr]).toEqual([
        1,
        expect.stringContaining(
          '2 GPUs of class h200 are confirmed in confidential mode; the policy wants 1 × h100',
        ),
      ])
      expect((await stage.json('status', lease)).manifestHash).toBe(updated.manifestHash)
      await stage.json('close', lease)
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
      const machine = await root.manufacture()
      const quote = async (data: Uint8Array) => ({ kind: 'tdx' as const, quote: machine.quote(data) })
      const aborter = new AbortController()
      const wallet = connectWallet(network, key)
      const { provider, tlsKeyHash } = attestor
      const confirmation = new GpuConfirmation(
        {
          wallet,
          key,
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
      const { nonce, request, signed, judge } = await asking()
      const gpu = { model: 'GH100 A01', ueid: '1' }
      const tokens = await root.gpuTokens(nonce, [gpu])
      expect(await judge({ tokens })).toMatchObject({ gpuClass: 'h100', gpus: 1 })
      for (const [wrong, reason] of [
        [await root.gpuTokens('00'.repeat(32), [gpu]), 'another nonce'],
        [await (await DevelopmentRoot.create()).gpuTokens(nonce, [gpu]), 'not signed by a key of the set'],
        [await root.gpuTokens(nonce, [{ ...gpu, model: 'AD102' }]), 'of no class that counts'],
        ['nonsense', 'no detached EAT bundle'],
      ] as const)
        await expect(judge({ tokens: wrong }), reason).rejects.toMatchObject({
          code: 'bad-evidence',
          message: expect.stringContaining(reason),
        })
      await expect(judge({ tokens, tlsKeyHash: zeroHash })).rejects.toMatchObject({
        message: expect.stringContaining('not the one that the worker attested'),
      })
      await expect(judge({ tokens, block: { ...request.block, hash: zeroHash } })).rejects.toMatchObject({
        message: expect.stringContaining('not of this chain'),
      })
      const { chain, key, attestor } = worker.worker
      const own = new Verifier({ chain, key, provider: attestor.provider })
      await expect(own.judge(await signed({ ...request, tokens }))).rejects.toMatchObject({
        code: 'forbidden',
      })
    })

    it('are not vouched for unless the worker’s key says that they are its own, beside a quote of the guest that holds it', async () => {
      const { verifier, nonce, request, signed, judge } = await asking()
      const { chain, key, attestor } = worker.worker
      const tokens = await root.gpuTokens(nonce, [{ model: 'GH100 A01', ueid: '1' }])
      const stranger = privateKeyToAccount(generatePrivateKey())
      const unsigned = 'did not sign the request'
      // Everything a stranger needs is public, the quote of the last attestation too; but not the key.
      await expect(verifier.judge(await signed({ ...request, tokens }, stranger))).rejects.toMatchObject({
        message: expect.stringContaining(unsigned),
      })
      // Nor what the key said of other evidence: tokens exchanged, reports left out, another block.
      const [gpu] = await Promise.all([root.manufactureGpu('h200')])
      const reports = [
        { report: Buffer.from(gpu.report(nonce)).toString('base64'), certificates: gpu.certificates },
      ]
      const whole = await signed({ ...request, tokens: await root.gpuTokens(nonce, [gpu]), reports })
      expect(await verifier.judge(whole)).toMatchObject({ gpuClass: 'h200' })
      const { reports: _, ...without } = whole as Extract<VerdictRequest, { kind: 'nvidia-gpus' }>
      for (const changed of [
        { ...whole, tokens },
        without,
        { ...whole, block: { ...request.block, number: request.block.number + 1 } },
      ])
        await expect(verifier.judge(changed as VerdictRequest)).rejects.toMatchObject({
          message: expect.stringContaining(unsigned),
        })
      const { provider, tlsKeyHash } = attestor
      const bound = reportDataOf(
        stage.embedded.network,
        { provider, worker: key.address, tlsKeyHash },
        request.block.hash,
      )
      const elsewhere = reportDataOf(
        stage.embedded.network,
        { provider, worker: stranger.address, tlsKeyHash },
        request.block.hash,
      )
      const machine = await root.manufacture()
      const guest = (quote: Uint8Array) => ({ kind: 'tdx', evidence: Buffer.from(quote).toString('base64') })
      expect(await judge({ tokens, guest: guest(machine.quote(bound)) })).toMatchObject({ gpus: 1 })
      for (const [quote, reason] of [
        [machine.quote(elsewhere), 'another provider, worker, TLS key, network or block'],
        [machine.quote(bound, { debug: true }), 'Debug is on'],
        [machine.quote(bound, { guest: developmentGuest('something else') }), 'The measurement of the guest'],
        [(await (await DevelopmentRoot.create()).manufacture()).quote(bound), ''],
      ] as const)
        await expect(judge({ tokens, guest: guest(quote) }), reason).rejects.toMatchObject({
          code: 'bad-evidence',
          message: expect.stringContaining(reason),
        })
      expect(chain.account.address).toBe(key.address)
    })

    it('are not confirmed in somebody else’s worker by an account that has nothing, whatever it asks', async () => {
      const { network } = stage.embedded
      const { index } = createCloister({ network })
      const victim = (await index.workers({ covered: true })).find(
        ({ worker: address }) => address !== worker.worker.key.address,
      )
      if (!victim) throw new Error('nobody is there')
      const stranger = privateKeyToAccount(generatePrivateKey())
      const failures: string[] = []
      const aborter = new AbortController()
      const record = await workerOfRecord(network, victim).evidence()
      const source = {
        name: 'elsewhere',
        // A worker quotes any number for anybody.
        quote: async () => ({
          kind: 'tdx' as const,
          quote: new Uint8Array(Buffer.from(record.quote, 'base64')),
        }),
        gpuEvidence: async (nonce: string) => ({
          tokens: await root.gpuTokens(nonce, [{ model: 'GH100 A01', ueid: '9' }]),
        }),
      }
      const pretending = { ...stranger, address: victim.worker }
      const confirmation = new GpuConfirmation(
        {
          wallet: connectWallet(network, developmentAccount(network, 9)),
          key: pretending,
          provider: victim.provider,
          tlsKeyHash: record.tlsKeyHash,
          source,
          sequence: new Sequence(),
          log: (_level, message, fields) => failures.push(`${message} ${JSON.stringify(fields)}`),
        },
        aborter.signal,
        100,
      )
      confirmation.begin(await freshBlock(worker.worker.chain))
      await until('it was refused', async () => failures.length > 0).finally(() => aborter.abort())
      expect(failures.join()).toContain('The worker’s key did not sign the request')
      expect(await getConfirmedGpus(worker.worker.chain, victim.worker)).toMatchObject({ gpus: 0 })
    })

    it('are not vouched for by strangers whom a lying index calls verifiers: who is one, the chain says', async () => {
      const { nonce, request, judge } = await asking()
      const { chain, key, attestor } = worker.worker
      const tokens = await root.gpuTokens(nonce, [{ model: 'GH100 A01', ueid: '1' }])
      const { signature: _, ...own } = await judge({ tokens })
      const { kind, tlsKeyHash } = request
      const block = { number: BigInt(request.block.number), hash: request.block.hash }
      const { provider } = attestor
      const honest = (await createCloister({ network: chain.network }).index.workers({ covered: true })).find(
        (other) => other.provider !== provider,
      )
      expect(await getVerifierProvider(chain, honest?.worker ?? zeroAddress)).toBe(honest?.provider)
      let asked = 0
      const strangers = await Promise.all(
        [0, 1, 2].map(async () => {
          const account = privateKeyToAccount(generatePrivateKey())
          const signature = await signVerdict(chain.network, account, {
            ...own,
            kind,
            worker: key.address,
            provider,
            tlsKeyHash,
            block,
          })
          const server = await listening((response) => {
            asked++
            response.end(JSON.stringify({ ...own, signature }))
          })
          const { tlsKeyHash: __, ...record } = honest ?? {}
          return {
            server,
            record: {
              ...record,
              worker: account.address,
              provider: account.address,
              endpoint: urlOf(server),
            },
          }
        }),
      )
      const index = await listening((response) =>
        response.end(JSON.stringify({ items: strangers.map(({ record }) => record) })),
      )
      const wallet = { ...chain, network: { ...chain.network, indexerUrl: urlOf(index) } }
      try {
        await expect(
          collectVerdict({ wallet, key, provider, request: { ...request, tokens }, own }),
        ).rejects.toMatchObject({ code: 'too-few-verdicts' })
      } finally {
        for (const server of [index, ...strangers.map((stranger) => stranger.server)]) server.close()
      }
      expect(asked).toBe(0)
    })

    it('are H200s where the report of each says so, signed by the GPU that the tokens name, and H100s where one does not', async () => {
      const { nonce, judge: ask } = await asking()
      const [first, second, h100] = await Promise.all([
        root.manufactureGpu('h200'),
        root.manufactureGpu('h200'),
        root.manufactureGpu('h100'),
      ])
      const reportOf = (gpu: typeof first, of = nonce) => ({
        report: Buffer.from(gpu.report(of)).toString('base64'),
        certificates: gpu.certificates,
      })
      const judge = async (gpus: (typeof first)[], reports: ReturnType<typeof reportOf>[]) =>
        ask({ tokens: await root.gpuTokens(nonce, gpus), reports })
      expect(await judge([first, second], [reportOf(first), reportOf(second)])).toMatchObject({
        gpuClass: 'h200',
        gpus: 2,
      })
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
        await expect(judge([first], [report]), reason).rejects.toMatchObject({
          code: 'bad-evidence',
          message: expect.stringContaining(reason),
        })
    })
  },
  180_000,
)

/** A server on loopback that answers all with JSON. */
async function listening(answer: (response: ServerResponse) => void): Promise<Server> {
  const server = createServer((incoming, response) => {
    incoming.resume()
    answer(response.setHeader('content-type', 'application/json'))
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  return server
}

function urlOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
