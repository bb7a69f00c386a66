import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type RunningWorker, Verifier } from '@cloister/agent'
import { connectWallet, freshBlock, getBilling, getVerifierProvider, reportDataOf } from '@cloister/chain'
import { type UnsignedVerdictRequest, type VerdictRequest, verdictRequestTypedData } from '@cloister/core'
import { developmentAccount } from '@cloister/development/accounts'
import { DevelopmentRoot } from '@cloister/development/root'
import { createCloister } from '@cloister/sdk'
import { type Hex, zeroAddress, zeroHash } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { until } from '../embedded.ts'
import { joinWith } from '../joined-worker.ts'

import type { Ground } from './ground.ts'
import { HELLO } from './ground.ts'

const _FMSPC: Hex = '0xc10157e20000'

/** Guests whose evidence no contract can check: verifiers vouch for them. */
export function otherHardwareTests(ground: Ground): void {
  describe.each(['sev-snp', 'nitro'] as const)('a guest that no contract can check: %s', (machine) => {
    let worker: RunningWorker
    const kindName = machine.toUpperCase()

    beforeAll(async () => {
      worker = await joinWith(ground.stage, machine, machine === 'nitro' ? 7 : 6, {
        evidence: { source: 'development', kind: machine },
        prices: { USDC: { cpu: '0.001', memoryGiB: '0.0001', diskGiB: '0.0001' } },
      })
    }, 180_000)
    afterAll(() => worker.stop(), 60_000)

    it('is covered by the word of other providers’ verifiers, and serves tenants who check it themselves', async () => {
      const { network } = ground.stage.embedded
      const { address } = worker.worker.key
      const anyone = connectWallet(network, developmentAccount(network, 5))
      expect((await getBilling(anyone, address)).until).toBeGreaterThan(
        (await anyone.client.getBlock()).timestamp,
      )
      // Only a quote makes a verifier.
      expect(await getVerifierProvider(anyone, address)).toBeUndefined()
      expect(await getVerifierProvider(anyone, ground.lease.worker)).toBeDefined()
      await until(
        'the index has it',
        async () => (await createCloister({ network }).index.worker(address)).measurement !== undefined,
      )
      const deployed = await ground.stage.json('deploy', HELLO, '--for', '1h', '--provider', address, '--yes')
      const { code, stdout } = await ground.stage.cloister('verify', deployed.lease)
      expect(stdout).toContain(`✔ Hardware: ${kindName}, a development platform (simulated)`)
      expect(stdout).toContain('✔ App:')
      expect(stdout).toMatch(/Simulated: on .* every check holds/)
      expect(code).toBe(0)
      const bundle = join(ground.stage.folder, `${machine}.json`)
      await ground.stage.json('evidence', deployed.lease, '-o', bundle)
      const offline = await ground.stage.cloister('verify', '--offline', bundle)
      expect(offline.code).toBe(0)
      expect(offline.stdout).toMatch(/Not checked on chain: .* are the file’s word\.$/m)
      expect(stdout).not.toContain('ot checked on chain')
      const real = await ground.stage.cloister('verify', '--offline', bundle, '--network', realNetwork())
      expect(real.code).toBe(1)
      await ground.stage.json('close', deployed.lease)
    })

    it('is not vouched for where the evidence is another’s, in debug, of another measurement or by another root', async () => {
      const { chain, key, attestor } = worker.worker
      const verifier = new Verifier({ chain, key, provider: zeroAddress })
      const block = await freshBlock(chain)
      const bound = { provider: attestor.provider, worker: key.address, tlsKeyHash: attestor.tlsKeyHash }
      const reportData = reportDataOf(ground.stage.embedded.network, bound, block.hash)
      const elsewhere = reportDataOf(
        ground.stage.embedded.network,
        { ...bound, tlsKeyHash: zeroHash },
        block.hash,
      )
      const snp = await ground.root.manufactureSnp()
      const enclave = await ground.root.manufactureEnclave()
      const foreign = await DevelopmentRoot.create()
      const common = {
        worker: key.address,
        tlsKeyHash: attestor.tlsKeyHash,
        block: { number: Number(block.number), hash: block.hash },
      }
      const signed = async (request: UnsignedVerdictRequest, by = key): Promise<VerdictRequest> => {
        const { chainId, contracts } = ground.stage.embedded.network
        const typed = verdictRequestTypedData(request, chainId, contracts.workers)
        const signature = await by.signTypedData(typed)
        return { ...request, signature } as VerdictRequest
      }
      const asked = async (
        data: Uint8Array,
        { debug = false, by = ground.root } = {},
      ): Promise<VerdictRequest> => {
        if (machine === 'nitro') {
          const made = by === ground.root ? enclave : await by.manufactureEnclave()
          return signed({
            kind: machine,
            ...common,
            evidence: Buffer.from(made.document(data, { debug })).toString('base64'),
          })
        }
        const made = by === ground.root ? snp : await by.manufactureSnp()
        const evidence = Buffer.from(made.report(data, { debug })).toString('base64')
        return signed({ kind: machine, ...common, evidence, endorsements: await made.endorsements() })
      }
      const good = await asked(reportData)
      expect(await verifier.judge(good)).toMatchObject({ gpus: 0, gpuClass: '' })
      const { signature: _, ...unsigned } = good
      for (const request of [
        await signed(unsigned, privateKeyToAccount(generatePrivateKey())),
        { ...good, tlsKeyHash: zeroHash },
      ])
        await expect(verifier.judge(request)).rejects.toMatchObject({
          message: 'The worker’s key did not sign the request.',
        })
      for (const [request, reason] of [
        [await asked(elsewhere), 'another provider, worker, TLS key, network or block'],
        [await asked(reportData, { debug: true }), 'Debug is on'],
        [await asked(reportData, { by: foreign }), 'does not chain'],
      ] as const)
        await expect(verifier.judge(request), reason).rejects.toMatchObject({
          code: 'bad-evidence',
          message: expect.stringContaining(reason),
        })
    })
  })

  function realNetwork(): string {
    const { root: _, developmentFolder: __, ...attestation } = ground.stage.embedded.network.attestation
    const path = join(ground.stage.folder, 'real.json')
    writeFileSync(path, JSON.stringify({ ...ground.stage.embedded.network, development: false, attestation }))
    return path
  }
}
