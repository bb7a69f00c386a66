import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createServer as createTlsServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join, resolve } from 'node:path'
import { type RunningWorker, Verifier } from '@cloister/agent'
import { issueTlsCertificate, newTlsKey } from '@cloister/attest/node/tls'
import {
  ADMISSION_ABI,
  attestWorker,
  connectWallet,
  ensurePlatform,
  type FreshBlock,
  freshBlock,
  getAccrued,
  getAttestationAge,
  getBilling,
  getLease,
  getVerifierProvider,
  registerWorker,
  reportDataOf,
  settleLeases,
  trustRootOf,
  type Wallet,
  WORKERS_ABI,
} from '@cloister/chain'
import { type UnsignedVerdictRequest, type VerdictRequest, verdictRequestTypedData } from '@cloister/core'
import { developmentAccount } from '@cloister/development/accounts'
import {
  type DevelopmentPlatform,
  DevelopmentRoot,
  developmentGuest,
  NEWEST_SVNS,
  type QuoteVariations,
} from '@cloister/development/root'
import { createCloister, governance, sessionOf, WorkerClient, workerOfRecord } from '@cloister/sdk'
import { verifyBundle } from '@cloister/verify'
import { encodeFunctionData, type Hex, zeroAddress, zeroHash } from 'viem'
import { generatePrivateKey, type PrivateKeyAccount, privateKeyToAccount } from 'viem/accounts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { canDeploy, type Json, raiseStage, type Stage, until } from './embedded.ts'
import { joinWith } from './joined-worker.ts'

const HELLO = resolve(import.meta.dirname, '../examples/hello/compose.yaml')
const FMSPC: Hex = '0xc10157e20000'

describe.skipIf(!canDeploy)(
  'attestation on a running network',
  () => {
    let stage: Stage
    let lease: Json
    let root: DevelopmentRoot

    beforeAll(async () => {
      stage = await raiseStage()
      root = await DevelopmentRoot.open(join(stage.folder, 'state', 'attestation'))
      lease = await stage.json('deploy', HELLO, '--for', '4h', '--name', 'mine', '--yes')
    }, 120_000)

    afterAll(() => stage.end(), 180_000)

    describe('a tenant', () => {
      it('sees the machine, the guest and the app checked, from the hardware to the manifest', async () => {
        const { code, stdout } = await stage.cloister('verify', 'mine')
        expect(code).toBe(0)
        for (const line of [
          '✔ Hardware: TDX, a development platform (simulated)',
          '✔ Worker:',
          '✔ Guest:',
          '✔ App:',
          'The quote is signed by the attestation key',
        ])
          expect(stdout).toContain(line)
        expect(stdout).not.toContain('✘')
        expect(stdout.trim().split('\n').at(-1)).toMatch(
          /^Simulated: on .* ran on a development platform; every check holds/,
        )
        const verdict = await stage.json('verify', lease.worker)
        expect(verdict).toMatchObject({
          ok: true,
          genuine: true,
          simulated: true,
          verdict: { root: 'devnet', tcb: { status: 'UpToDate' }, debug: false },
        })
        const named = lease.routes[0].url.replace('127.0.0.1', 'localhost')
        expect(await stage.json('verify', named)).toMatchObject({
          ok: true,
          groups: [
            {},
            {},
            {},
            { title: expect.stringContaining('Place') },
            { title: expect.stringContaining('App') },
          ],
        })
      })

      it('sees where a witness saw the machine, and leases only where its policy wants to', async () => {
        const { places, groups } = await stage.json('verify', 'mine', '--policy', 'place=simulated')
        expect(places).toMatchObject([
          { label: expect.stringMatching(/^simulated\/\w+\/\w+$/), witness: 'development witness' },
        ])
        expect(groups.map(({ title }: Json) => title)).toContain(`Place: ${places[0].label}`)
        const { stderr } = await stage.cloister(
          'deploy',
          HELLO,
          '--policy',
          'place=simulated/nowhere',
          '--for',
          '1h',
          '--yes',
        )
        expect(stderr).toMatch(/Witnesses saw it at simulated\/.*; the policy wants simulated\/nowhere/)
        const key = join(stage.folder, 'witness.json')
        await stage.json('witness', 'create', '-o', key)
        const { token } = await stage.json(
          'witness',
          'sign',
          lease.worker,
          '--key',
          key,
          '--label',
          'here/and/there',
        )
        const bundle = join(stage.folder, 'place.json')
        await stage.json('evidence', 'mine', '-o', bundle)
        const kept = JSON.parse(readFileSync(bundle, 'utf8'))
        const witnesses = [{ name: 'me', key: JSON.parse(readFileSync(key, 'utf8')).publicKey }]
        const trust = { root: trustRootOf(stage.embedded.network), witnesses }
        expect((await verifyBundle({ ...kept, labels: [token] }, trust)).places).toMatchObject([
          { label: 'here/and/there', witness: 'me' },
        ])
        expect(
          (await verifyBundle({ ...kept, labels: [token] }, { ...trust, witnesses: [] })).places,
        ).toEqual([])
      })

      it('whose policy wants a young attestation believes the chain, and no index that makes an old one look young', async () => {
        const { network } = stage.embedded
        let owner: string | undefined
        const index = createServer(async (request, response) => {
          const answer = await fetch(network.indexerUrl + request.url)
          const now = Math.floor(Date.now() / 1000)
          const young = (await answer.text()).replaceAll(/"attestedAt":\d+/g, `"attestedAt":${now}`)
          const text =
            owner === undefined ? young : young.replaceAll(/"provider":"0x\w+"/g, `"provider":"${owner}"`)
          response
            .writeHead(answer.status, {
              'content-type': answer.headers.get('content-type') ?? 'application/json',
            })
            .end(text)
        })
        await new Promise<void>((done) => index.listen(0, '127.0.0.1', done))
        try {
          const { port } = index.address() as AddressInfo
          const lied = join(stage.folder, 'lied.json')
          writeFileSync(lied, JSON.stringify({ ...network, indexerUrl: `http://127.0.0.1:${port}` }))
          const chain = connectWallet(network, developmentAccount(network, 5))
          const lying = createCloister({ network: { ...network, indexerUrl: `http://127.0.0.1:${port}` } })
          const workers = await lying.index.workers({ covered: true })
          await until('all attested a while ago', async () =>
            (await Promise.all(workers.map(({ worker }) => getAttestationAge(chain, worker)))).every(
              (age) => age >= 3 && age < 7_200,
            ),
          )
          expect((await lying.index.worker(lease.worker)).attestedAt).toBeGreaterThan(Date.now() / 1000 - 3)
          const old = /It last attested on chain .* ago; the policy wants no more than 1s/
          const verified = await stage.cloister('verify', 'mine', '--policy', 'age=1s', '--network', lied)
          expect([verified.code, verified.stdout]).toEqual([1, expect.stringMatching(old)])
          const deployed = await stage.cloister(
            'deploy',
            HELLO,
            '--policy',
            'age=1s',
            '--for',
            '1h',
            '--yes',
            '--network',
            lied,
          )
          expect([deployed.code, deployed.stderr]).toEqual([1, expect.stringMatching(old)])
          expect((await stage.cloister('verify', 'mine', '--policy', 'age=2h', '--network', lied)).code).toBe(
            0,
          )
          // Nor does it give its workers to whom a tenant trusts.
          owner = developmentAccount(network, 9).address
          const given = await stage.cloister(
            'deploy',
            HELLO,
            '--provider',
            owner,
            '--for',
            '1h',
            '--yes',
            '--network',
            lied,
          )
          expect([given.code, given.stderr]).toEqual([
            1,
            expect.stringContaining(`is ${owner}'s; the chain says`),
          ])
        } finally {
          await new Promise((done) => index.close(done))
        }
      })

      it('keeps evidence that is checked without any network, and not if it was touched', async () => {
        const path = join(stage.folder, 'bundle.json')
        await stage.json('evidence', 'mine', '-o', path, '--manifest', HELLO)
        expect((await stage.cloister('verify', '--offline', path)).stdout).toContain(
          'This manifest has that hash',
        )
        expect((await stage.cloister('verify', '--offline', path, '--policy', 'age=1h')).stderr).toContain(
          'can not tell what the chain says now',
        )
        expect((await stage.cloister('verify', 'mine', '--policy', 'age=24h')).code).toBe(0)
        const bundle = JSON.parse(readFileSync(path, 'utf8'))
        const trust = { root: trustRootOf(stage.embedded.network) }
        expect((await verifyBundle(bundle, trust)).genuine).toBe(true)
        const touched: [string, (copy: Json) => void, string][] = [
          ['another worker', (copy) => (copy.worker.address = lease.provider), 'made for another worker'],
          [
            'another provider',
            (copy) => (copy.worker.provider = lease.worker),
            'made for another worker, provider',
          ],
          ['another TLS key', (copy) => (copy.evidence.tlsKeyHash = zeroHash), 'TLS key'],
          ['another block', (copy) => (copy.evidence.freshness.hash = zeroHash), 'old one'],
          ['another manifest', (copy) => (copy.lease.manifest = '{}'), 'manifest given is another'],
          [
            'another lease',
            (copy) => (copy.lease.manifestHash = zeroHash),
            'another manifest than the one on the lease',
          ],
          [
            'what runs',
            (copy) => (copy.lease.statement.images.web = 'sha256:00'),
            'not signed by the worker',
          ],
          ['coverage', (copy) => (copy.chain.coveredUntil = copy.recordedAt), 'not covered'],
          ['the image', (copy) => (copy.chain.imageRoles = 0), 'guest image'],
          ['the time', (copy) => (copy.recordedAt += 40 * 86_400), 'not valid at the instant'],
          [
            'the quote',
            (copy) =>
              (copy.evidence.quote = Buffer.from(copy.evidence.quote, 'base64')
                .fill(7, 600, 601)
                .toString('base64')),
            'signature on the quote',
          ],
        ]
        for (const [what, touch, reason] of touched) {
          const copy = structuredClone(bundle)
          touch(copy)
          const { genuine, problems } = await verifyBundle(copy, trust)
          expect(genuine, what).toBe(false)
          expect(problems.map(({ message }) => message).join(' '), what).toContain(reason)
        }
        writeFileSync(
          path,
          JSON.stringify({ ...bundle, evidence: { ...bundle.evidence, tlsKeyHash: zeroHash } }),
        )
        const refused = await stage.cloister('verify', '--offline', path)
        expect(refused.code).toBe(1)
        expect(refused.stdout).toContain('Do not trust this')
      })

      it('says what the machine has to prove, before money moves', async () => {
        const before = (await stage.json('wallet', 'balance')) as Json
        for (const [policy, reason] of [
          ['root=intel', 'Its root is devnet, which is simulated; the policy wants intel.'],
          ['tcb=OutOfDate', 'Its TCB status is UpToDate; the policy wants OutOfDate.'],
          [`image=${zeroHash}`, 'Its guest image is'],
        ] as const) {
          const { code, stderr } = await stage.cloister(
            'deploy',
            HELLO,
            '--for',
            '1h',
            '--yes',
            '--policy',
            policy,
          )
          expect(code).toBe(1)
          expect(stderr).toContain(reason)
        }
        expect((await stage.json('wallet', 'balance')) as Json).toEqual(before)
        expect((await stage.cloister('deploy', HELLO, '--policy', 'root=arm')).stderr).toContain(
          'The policy is wrong',
        )
      })
    })

    describe('evidence that is not good', () => {
      let attacker: Wallet
      let key: PrivateKeyAccount
      /** The attacker's worker, which hands its own evidence in. */
      let own: Wallet
      let platform: DevelopmentPlatform

      /** Has a platform quote for the attacker's worker and hands it in. */
      const attest = async (
        how: {
          platform?: DevelopmentPlatform
          block?: FreshBlock
          variations?: QuoteVariations
          change?: (quote: Uint8Array) => void
        } = {},
      ) => {
        const used = how.platform ?? platform
        const block = how.block ?? (await freshBlock(attacker))
        const bound = { provider: attacker.account.address, worker: key.address, tlsKeyHash: zeroHash }
        const quote = used.quote(reportDataOf(attacker.network, bound, block.hash), how.variations)
        const pckKey = await ensurePlatform(attacker, quote)
        how.change?.(quote)
        await attestWorker(own, { worker: key.address, tlsKeyHash: zeroHash, pckKey, block, quote })
        return quote
      }

      beforeAll(async () => {
        const { network } = stage.embedded
        attacker = connectWallet(network, developmentAccount(network, 7))
        key = privateKeyToAccount(generatePrivateKey())
        own = connectWallet(network, key)
        await giveGas(attacker, key.address)
        platform = await root.manufacture()
        await registerWorker(attacker, key, {
          cpuMilli: 1000,
          memoryMiB: 1024,
          diskMiB: 1024,
          gpus: 0,
          gpuClass: '',
          endpoint: 'https://127.0.0.1:1',
        })
      })

      it('is refused where it is forged', async () => {
        // A bit turned is never what it was; a byte set could be.
        const turned = (at: number) => (quote: Uint8Array) => quote.set([(quote[at] ?? 0) ^ 1], at)
        await expect(attest({ change: turned(700) })).rejects.toMatchObject({
          message: expect.stringContaining('The quote is forged'),
        })
        await expect(attest({ change: turned(600) })).rejects.toMatchObject({
          message: expect.stringContaining('The quote is forged'),
        })
        const stranger = await (await DevelopmentRoot.create()).manufacture()
        await expect(attest({ platform: stranger })).rejects.toMatchObject({
          message: expect.stringContaining('A certificate is forged'),
        })
      })

      it('is refused where the guest is in debug mode or another image', async () => {
        await expect(attest({ variations: { debug: true } })).rejects.toMatchObject({
          message: expect.stringContaining('debug mode, so the host can look inside'),
        })
        const image = developmentGuest('something else')
        await expect(attest({ variations: { image } })).rejects.toMatchObject({
          message: expect.stringContaining('The guest image is not on the list'),
        })
      })

      it('is refused where the platform is out of date, or its floor has expired', async () => {
        const old = await root.manufacture({ svns: NEWEST_SVNS.map((svn) => Math.max(svn - 1, 0)) })
        await expect(attest({ platform: old })).rejects.toMatchObject({
          message: expect.stringContaining('out of date: it is below the floor'),
        })
        const { network } = stage.embedded
        const owner = connectWallet(network, developmentAccount(network, 0))
        const call = { address: network.contracts.admission, abi: ADMISSION_ABI } as const
        const floor = await owner.client.readContract({ ...call, functionName: 'floorOf', args: [FMSPC] })
        const raised = await owner.wallet.writeContract({
          ...call,
          functionName: 'raiseFloor',
          args: [FMSPC, { ...floor, expiry: 1 }],
        })
        await owner.client.waitForTransactionReceipt({ hash: raised })
        await expect(attest()).rejects.toMatchObject({
          message: expect.stringContaining('The TCB floor of this family of platforms has expired'),
        })
        const suspended = await until(
          'the index has the floor',
          async () => (await stage.json('governance')).suspensions[0],
        )
        const by = owner.account.address
        expect(suspended).toMatchObject({
          kind: 'floor',
          fmspc: FMSPC,
          floor: { expiry: '1' },
          by,
          state: 'in-force',
          onChain: true,
        })
        expect((await stage.cloister('governance')).stdout).toMatch(
          /platforms 0xc10157e20000 +floor raised to .*in-force, 28d 23h more/,
        )
        const lowered = await owner.wallet.writeContract({
          ...call,
          functionName: 'lowerFloor',
          args: [FMSPC],
        })
        await owner.client.waitForTransactionReceipt({ hash: lowered })
        await until(
          'the floor is as it was',
          async () => (await stage.json('governance', '--all')).suspensions[0]?.state === 'lifted',
        )
        expect((await stage.json('governance')).suspensions).toEqual([])
      })

      it('is told what governance announced as the chain has it, and whatever an index makes up as made up', async () => {
        const { network } = stage.embedded
        const owner = connectWallet(network, developmentAccount(network, 0))
        const { admission } = network.contracts
        const image: Hex = `0x${'b1'.repeat(32)}`
        const announce = async (roles: number) => {
          const call = encodeFunctionData({
            abi: ADMISSION_ABI,
            functionName: 'setImage',
            args: [image, roles],
          })
          const hash = await owner.wallet.writeContract({
            address: admission,
            abi: ADMISSION_ABI,
            functionName: 'announce',
            args: [call],
          })
          await owner.client.waitForTransactionReceipt({ hash })
        }
        await announce(3)
        const found = await until(
          'the index has it',
          async () => (await stage.json('governance')).announcements[0],
        )
        expect(found).toMatchObject({
          contract: 'admission',
          function: 'setImage',
          args: { image, roles: 3 },
          state: 'waiting',
          onChain: true,
        })
        const { stdout } = await stage.cloister('governance')
        expect(stdout).toMatch(
          /admission +setImage\(image: 0xb1b1b1b1b1…, roles: 3\) .* waiting, 21d 23h more/,
        )
        // The same with another reading of the call, another time, and a call that nobody announced.
        const { onChain: _, ...record } = found
        const lies = [
          [{ ...record, function: 'setNothing', args: {} }, true],
          [{ ...record, readyAt: record.readyAt + 1 }, false],
          [{ ...record, call: record.call.replace(/3$/, '1') }, false],
        ] as const
        const index = createServer((_, response) => {
          response
            .setHeader('content-type', 'application/json')
            .end(JSON.stringify({ announcements: lies.map(([lie]) => lie), suspensions: [], proposals: [] }))
        })
        await new Promise<void>((done) => index.listen(0, '127.0.0.1', done))
        try {
          const lying = createCloister({
            network: { ...network, indexerUrl: `http://127.0.0.1:${(index.address() as AddressInfo).port}` },
          })
          const { announcements } = await governance(lying)
          expect(announcements.map(({ onChain }) => onChain)).toEqual(lies.map(([, isSo]) => isSo))
          expect(announcements[0]).toMatchObject({ function: 'setImage', args: { image, roles: 3 } })
        } finally {
          await new Promise((done) => index.close(done))
        }
      })

      it('is refused where it is old, and where it is another’s', async () => {
        const block = await freshBlock(attacker)
        const quote = await attest({ block })
        const { pckKey } = { pckKey: await ensurePlatform(attacker, quote) }
        const again = { worker: key.address, tlsKeyHash: zeroHash, pckKey, quote }
        await expect(attestWorker(own, { ...again, block })).rejects.toMatchObject({
          message: expect.stringContaining('The quote is a replay'),
        })
        const later = await until('there is a newer block', async () => {
          const found = await freshBlock(attacker)
          return found.number > block.number && found
        })
        await expect(attestWorker(own, { ...again, block: later })).rejects.toMatchObject({
          message: expect.stringContaining('The quote is not fresh'),
        })

        const { network } = stage.embedded
        const record = await createCloister({ network }).index.worker(lease.worker)
        const theirs = await workerOfRecord(network, record).evidence()
        if (theirs.freshness.kind !== 'block') throw new Error('no block')
        const stolen = new Uint8Array(Buffer.from(theirs.quote, 'base64'))
        const hash = theirs.freshness.hash
        const number = BigInt(theirs.freshness.number)
        const fresh = (await attacker.client.getBlockNumber()) - number < 60n
        await expect(
          attestWorker(own, {
            worker: key.address,
            tlsKeyHash: zeroHash,
            pckKey: await ensurePlatform(attacker, stolen),
            block: { number, hash },
            quote: stolen,
          }),
        ).rejects.toMatchObject({
          message: expect.stringContaining(fresh ? 'made for another provider' : 'too old'),
        })
      })

      it('is refused where the machine serves another provider', async () => {
        const { network } = stage.embedded
        const second = connectWallet(network, developmentAccount(network, 6))
        const other = privateKeyToAccount(generatePrivateKey())
        await registerWorker(second, other, {
          cpuMilli: 1000,
          memoryMiB: 1024,
          diskMiB: 1024,
          gpus: 0,
          gpuClass: '',
          endpoint: 'https://127.0.0.1:1',
        })
        const block = await freshBlock(second)
        const quote = platform.quote(
          reportDataOf(
            network,
            { provider: second.account.address, worker: other.address, tlsKeyHash: zeroHash },
            block.hash,
          ),
        )
        const evidence = {
          worker: other.address,
          tlsKeyHash: zeroHash,
          pckKey: await ensurePlatform(second, quote),
          block,
          quote,
        }
        await giveGas(second, other.address)
        // Whoever isn't the worker can't even try.
        await expect(attestWorker(second, evidence)).rejects.toMatchObject({
          message: expect.stringContaining('Only the worker itself'),
        })
        await expect(attestWorker(connectWallet(network, other), evidence)).rejects.toMatchObject({
          message: expect.stringContaining('The machine serves another provider'),
        })
      })
    })

    describe.each(['sev-snp', 'nitro'] as const)('a guest that no contract can check: %s', (machine) => {
      let worker: RunningWorker
      const kindName = machine.toUpperCase()

      beforeAll(async () => {
        worker = await joinWith(stage, machine, machine === 'nitro' ? 7 : 6, {
          evidence: { source: 'development', kind: machine },
          prices: { USDC: { cpu: '0.001', memoryGiB: '0.0001', diskGiB: '0.0001' } },
        })
      }, 180_000)
      afterAll(() => worker.stop(), 60_000)

      it('is covered by the word of other providers’ verifiers, and serves tenants who check it themselves', async () => {
        const { network } = stage.embedded
        const { address } = worker.worker.key
        const anyone = connectWallet(network, developmentAccount(network, 5))
        expect((await getBilling(anyone, address)).until).toBeGreaterThan(
          (await anyone.client.getBlock()).timestamp,
        )
        // Only a quote makes a verifier.
        expect(await getVerifierProvider(anyone, address)).toBeUndefined()
        expect(await getVerifierProvider(anyone, lease.worker)).toBeDefined()
        await until(
          'the index has it',
          async () => (await createCloister({ network }).index.worker(address)).image !== undefined,
        )
        const deployed = await stage.json('deploy', HELLO, '--for', '1h', '--provider', address, '--yes')
        const { code, stdout } = await stage.cloister('verify', deployed.lease)
        expect(stdout).toContain(`✔ Hardware: ${kindName}, a development platform (simulated)`)
        expect(stdout).toContain('✔ App:')
        expect(stdout).toMatch(/Simulated: on .* every check holds/)
        expect(code).toBe(0)
        const bundle = join(stage.folder, `${machine}.json`)
        await stage.json('evidence', deployed.lease, '-o', bundle)
        const offline = await stage.cloister('verify', '--offline', bundle)
        expect(offline.code).toBe(0)
        expect(offline.stdout).toMatch(/Not checked on chain: .* are the file’s word\.$/m)
        expect(stdout).not.toContain('ot checked on chain')
        const real = await stage.cloister('verify', '--offline', bundle, '--network', realNetwork())
        expect(real.code).toBe(1)
        await stage.json('close', deployed.lease)
      })

      it('is not vouched for where the evidence is another’s, in debug, of another image or by another root', async () => {
        const { chain, key, attestor } = worker.worker
        const verifier = new Verifier({ chain, key, provider: zeroAddress })
        const block = await freshBlock(chain)
        const bound = { provider: attestor.provider, worker: key.address, tlsKeyHash: attestor.tlsKeyHash }
        const reportData = reportDataOf(stage.embedded.network, bound, block.hash)
        const elsewhere = reportDataOf(stage.embedded.network, { ...bound, tlsKeyHash: zeroHash }, block.hash)
        const snp = await root.manufactureSnp()
        const enclave = await root.manufactureEnclave()
        const foreign = await DevelopmentRoot.create()
        const common = {
          worker: key.address,
          tlsKeyHash: attestor.tlsKeyHash,
          block: { number: Number(block.number), hash: block.hash },
        }
        const signed = async (request: UnsignedVerdictRequest, by = key): Promise<VerdictRequest> => {
          const { chainId, contracts } = stage.embedded.network
          const typed = verdictRequestTypedData(request, chainId, contracts.workers)
          const signature = await by.signTypedData(typed)
          return { ...request, signature } as VerdictRequest
        }
        const asked = async (
          data: Uint8Array,
          { debug = false, by = root } = {},
        ): Promise<VerdictRequest> => {
          if (machine === 'nitro') {
            const made = by === root ? enclave : await by.manufactureEnclave()
            return signed({
              kind: machine,
              ...common,
              evidence: Buffer.from(made.document(data, { debug })).toString('base64'),
            })
          }
          const made = by === root ? snp : await by.manufactureSnp()
          const evidence = Buffer.from(made.report(data, { debug })).toString('base64')
          return signed({ kind: machine, ...common, evidence, collateral: await made.collateral() })
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

    async function giveGas(from: Wallet, to: `0x${string}`): Promise<void> {
      const hash = await from.wallet.sendTransaction({ to, value: 10n ** 17n })
      await from.client.waitForTransactionReceipt({ hash })
    }

    function realNetwork(): string {
      const { root: _, developmentFolder: __, ...attestation } = stage.embedded.network.attestation
      const path = join(stage.folder, 'real.json')
      writeFileSync(path, JSON.stringify({ ...stage.embedded.network, development: false, attestation }))
      return path
    }

    describe('somebody in the middle', () => {
      let proxy: Server
      let endpoint: string

      beforeAll(async () => {
        const tlsKey = newTlsKey()
        const cert = await issueTlsCertificate(tlsKey, { host: '127.0.0.1' })
        proxy = createTlsServer({ key: tlsKey, cert }, (_, response) => response.end('{}'))
        await new Promise<void>((done) => proxy.listen(0, '127.0.0.1', () => done()))
        endpoint = `https://127.0.0.1:${(proxy.address() as AddressInfo).port}`
      })
      afterAll(() => new Promise<void>((done) => void proxy.close(() => done())))

      it('is not spoken to: the TLS key is not the attested one', async () => {
        const { network } = stage.embedded
        const cloister = createCloister({ network, account: developmentAccount(network, 4) })
        const record = await cloister.index.lease(lease.lease)
        const refusal = {
          code: 'not-attested',
          message: expect.stringContaining('its TLS key is not the attested one'),
        }
        await expect(
          sessionOf(cloister, { ...record, endpoint }).worker.lease(lease.lease),
        ).rejects.toMatchObject(refusal)
        let heard = false
        proxy.on('request', () => (heard = true))
        const attestedKey = async () => (await cloister.index.worker(lease.worker)).tlsKeyHash ?? zeroHash
        const client = new WorkerClient({
          endpoint,
          worker: lease.worker,
          wallet: cloister.wallet,
          attestedKey,
          network: cloister.network,
        })
        await expect(client.metrics(lease.lease)).rejects.toMatchObject(refusal)
        expect(heard).toBe(false)
      })
    })

    it('a worker that does not renew earns nothing from the second its coverage ended', {
      timeout: 120_000,
    }, async () => {
      const { network, daemons } = stage.embedded
      const anyone = connectWallet(network, developmentAccount(network, 5))
      const rpc = (method: string, ...params: unknown[]) => anyone.client.request({ method, params } as never)
      const oak = daemons.get('oak')?.pid
      if (oak === undefined) throw new Error('oak does not run')
      process.kill(oak, 'SIGSTOP')
      try {
        // What it sent before it was stopped is in a block by then.
        const { number } = await anyone.client.getBlock()
        await until(
          'its last transaction is through',
          async () => (await anyone.client.getBlock()).number > number + 1n,
        )
        // Of one block, since what is asked about the present is reckoned with the present second.
        const { number: blockNumber, timestamp } = await anyone.client.getBlock()
        const [, coveredSeconds, end] = await anyone.client.readContract({
          address: network.contracts.workers,
          abi: WORKERS_ABI,
          functionName: 'billing',
          args: [lease.worker],
          blockNumber,
        })
        const before = await getLease(anyone, lease.lease)
        const settledAt = before.settledSeconds
        const ahead = Number(end - timestamp) + 500
        await rpc('evm_increaseTime', ahead)
        await until('the chain is there', async () => (await anyone.client.getBlock()).timestamp > end + 400n)
        // Seconds until the end, as the contract counts them, less those that were settled: to the unit.
        const unsettled = coveredSeconds + (end - timestamp) - BigInt(settledAt)
        const due = unsettled * before.ratePerSecond
        expect(due).toBeLessThan(before.balance)
        expect(await getAccrued(anyone, lease.lease)).toBe(due)
        const lapsed = await stage.json('status', 'mine')
        expect(lapsed).toMatchObject({ attestation: 'lapsed' })
        expect(lapsed.uncoveredSeconds).toBeGreaterThan(400)
        await settleLeases(anyone, [lease.lease])
        expect(await getLease(anyone, lease.lease)).toMatchObject({
          spent: before.spent + due,
          balance: before.balance - due,
        })
        await rpc('evm_increaseTime', 1_000)
        await until(
          'more time has passed',
          async () => (await anyone.client.getBlock()).timestamp > end + 1_400n,
        )
        expect(await getAccrued(anyone, lease.lease)).toBe(0n)
      } finally {
        process.kill(oak, 'SIGCONT')
      }
      await until(
        'it is covered again',
        async () =>
          (await getBilling(anyone, lease.worker)).until > (await anyone.client.getBlock()).timestamp,
        60_000,
      )
      await until('it earns again', async () => (await getAccrued(anyone, lease.lease)) > 0n)
      const { stdout } = await stage.cloister('status', 'mine')
      expect(stdout).toMatch(/not covered\s+\d+m.*which you did not pay for and cost the provider \d/)
    })
  },
  180_000,
)
