import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { connectWallet, getAttestationAge, trustRootOf } from '@cloister/chain'
import { developmentAccount } from '@cloister/development/accounts'
import { createCloister } from '@cloister/sdk'
import { verifyBundle } from '@cloister/verify'
import { type Hex, zeroHash } from 'viem'
import { describe, expect, it } from 'vitest'
import { type Json, until } from '../embedded.ts'

import type { Ground } from './ground.ts'
import { HELLO } from './ground.ts'

const _FMSPC: Hex = '0xc10157e20000'

/** What a tenant sees of attestation, and what its policy does. */
export function tenantTests(ground: Ground): void {
  describe('a tenant', () => {
    it('sees the machine, the guest and the app checked, from the hardware to the manifest', async () => {
      const { code, stdout } = await ground.stage.cloister('verify', 'mine')
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
      const verdict = await ground.stage.json('verify', ground.lease.worker)
      expect(verdict).toMatchObject({
        ok: true,
        genuine: true,
        simulated: true,
        verdict: { root: 'devnet', tcb: { status: 'UpToDate' }, debug: false },
      })
      const named = ground.lease.routes[0].url.replace('127.0.0.1', 'localhost')
      expect(await ground.stage.json('verify', named)).toMatchObject({
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
      const { places, groups } = await ground.stage.json('verify', 'mine', '--policy', 'place=simulated')
      expect(places).toMatchObject([
        { label: expect.stringMatching(/^simulated\/\w+\/\w+$/), witness: 'development witness' },
      ])
      expect(groups.map(({ title }: Json) => title)).toContain(`Place: ${places[0].label}`)
      const { stderr } = await ground.stage.cloister(
        'deploy',
        HELLO,
        '--policy',
        'place=simulated/nowhere',
        '--for',
        '1h',
        '--yes',
      )
      expect(stderr).toMatch(/Witnesses saw it at simulated\/.*; the policy wants simulated\/nowhere/)
      const key = join(ground.stage.folder, 'witness.json')
      await ground.stage.json('witness', 'create', '-o', key)
      const { token } = await ground.stage.json(
        'witness',
        'sign',
        ground.lease.worker,
        '--key',
        key,
        '--label',
        'here/and/there',
      )
      const bundle = join(ground.stage.folder, 'place.json')
      await ground.stage.json('evidence', 'mine', '-o', bundle)
      const kept = JSON.parse(readFileSync(bundle, 'utf8'))
      const witnesses = [{ name: 'me', key: JSON.parse(readFileSync(key, 'utf8')).publicKey }]
      const trust = { root: trustRootOf(ground.stage.embedded.network), witnesses }
      expect((await verifyBundle({ ...kept, labels: [token] }, trust)).places).toMatchObject([
        { label: 'here/and/there', witness: 'me' },
      ])
      expect((await verifyBundle({ ...kept, labels: [token] }, { ...trust, witnesses: [] })).places).toEqual(
        [],
      )
    })

    it('whose policy wants a young attestation believes the chain, and no index that makes an old one look young', async () => {
      const { network } = ground.stage.embedded
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
        const lied = join(ground.stage.folder, 'lied.json')
        writeFileSync(lied, JSON.stringify({ ...network, indexerUrl: `http://127.0.0.1:${port}` }))
        const chain = connectWallet(network, developmentAccount(network, 5))
        const lying = createCloister({ network: { ...network, indexerUrl: `http://127.0.0.1:${port}` } })
        const workers = await lying.index.workers({ covered: true })
        await until('all attested a while ago', async () =>
          (await Promise.all(workers.map(({ worker }) => getAttestationAge(chain, worker)))).every(
            (age) => age >= 3 && age < 7_200,
          ),
        )
        expect((await lying.index.worker(ground.lease.worker)).attestedAt).toBeGreaterThan(
          Date.now() / 1000 - 3,
        )
        const old = /It last attested on chain .* ago; the policy wants no more than 1s/
        const verified = await ground.stage.cloister(
          'verify',
          'mine',
          '--policy',
          'age=1s',
          '--network',
          lied,
        )
        expect([verified.code, verified.stdout]).toEqual([1, expect.stringMatching(old)])
        const deployed = await ground.stage.cloister(
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
        expect(
          (await ground.stage.cloister('verify', 'mine', '--policy', 'age=2h', '--network', lied)).code,
        ).toBe(0)
        // Nor does it give its workers to whom a tenant trusts.
        owner = developmentAccount(network, 9).address
        const given = await ground.stage.cloister(
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
      const path = join(ground.stage.folder, 'bundle.json')
      await ground.stage.json('evidence', 'mine', '-o', path, '--manifest', HELLO)
      expect((await ground.stage.cloister('verify', '--offline', path)).stdout).toContain(
        'This manifest has that hash',
      )
      expect(
        (await ground.stage.cloister('verify', '--offline', path, '--policy', 'age=1h')).stderr,
      ).toContain('can not tell what the chain says now')
      expect((await ground.stage.cloister('verify', 'mine', '--policy', 'age=24h')).code).toBe(0)
      const bundle = JSON.parse(readFileSync(path, 'utf8'))
      const trust = { root: trustRootOf(ground.stage.embedded.network) }
      expect((await verifyBundle(bundle, trust)).genuine).toBe(true)
      const touched: [string, (copy: Json) => void, string][] = [
        [
          'another worker',
          (copy) => (copy.worker.address = ground.lease.provider),
          'made for another worker',
        ],
        [
          'another provider',
          (copy) => (copy.worker.provider = ground.lease.worker),
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
        ['what runs', (copy) => (copy.lease.statement.images.web = 'sha256:00'), 'not signed by the worker'],
        ['coverage', (copy) => (copy.chain.coveredUntil = copy.recordedAt), 'not covered'],
        ['the measurement', (copy) => (copy.chain.measurementRoles = 0), 'measurement'],
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
      const refused = await ground.stage.cloister('verify', '--offline', path)
      expect(refused.code).toBe(1)
      expect(refused.stdout).toContain('Do not trust this')
    })

    it('says what the machine has to prove, before money moves', async () => {
      const before = (await ground.stage.json('wallet', 'balance')) as Json
      for (const [policy, reason] of [
        ['root=intel', 'Its root is devnet, which is simulated; the policy wants intel.'],
        ['tcb=OutOfDate', 'Its TCB status is UpToDate; the policy wants OutOfDate.'],
        [`measurement=${zeroHash}`, 'Its measurement is'],
      ] as const) {
        const { code, stderr } = await ground.stage.cloister(
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
      expect((await ground.stage.json('wallet', 'balance')) as Json).toEqual(before)
      expect((await ground.stage.cloister('deploy', HELLO, '--policy', 'root=arm')).stderr).toContain(
        'The policy is wrong',
      )
    })
  })
}
