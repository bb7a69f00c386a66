import {
  attestWorker,
  connectWallet,
  ensurePlatform,
  type FreshBlock,
  freshBlock,
  registerWorker,
  reportDataOf,
  type Wallet,
} from '@cloister/chain'
import { developmentAccount } from '@cloister/development/accounts'
import {
  type DevelopmentPlatform,
  DevelopmentRoot,
  developmentGuest,
  NEWEST_SVNS,
  type QuoteVariations,
} from '@cloister/development/root'
import { createCloister, workerOfRecord } from '@cloister/sdk'
import { zeroHash } from 'viem'
import { generatePrivateKey, type PrivateKeyAccount, privateKeyToAccount } from 'viem/accounts'
import { beforeAll, describe, expect, it } from 'vitest'

import { until } from '../embedded.ts'
import type { Ground } from './ground.ts'

/** Evidence that contracts and tenants refuse. */
export function badEvidenceTests(ground: Ground): void {
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
      const { network } = ground.stage.embedded
      attacker = connectWallet(network, developmentAccount(network, 7))
      key = privateKeyToAccount(generatePrivateKey())
      own = connectWallet(network, key)
      await giveGas(attacker, key.address)
      platform = await ground.root.manufacture()
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

    it('is refused where the guest is in debug mode or of another measurement', async () => {
      await expect(attest({ variations: { debug: true } })).rejects.toMatchObject({
        message: expect.stringContaining('debug mode, so the host can look inside'),
      })
      const guest = developmentGuest('something else')
      await expect(attest({ variations: { guest } })).rejects.toMatchObject({
        message: expect.stringContaining('The guest’s measurement is not on the list'),
      })
    })

    it('is refused where the platform is out of date', async () => {
      const old = await ground.root.manufacture({ svns: NEWEST_SVNS.map((svn) => Math.max(svn - 1, 0)) })
      await expect(attest({ platform: old })).rejects.toMatchObject({
        message: expect.stringContaining('out of date: it is below the floor'),
      })
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

      const { network } = ground.stage.embedded
      const record = await createCloister({ network }).index.worker(ground.lease.worker)
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
      const { network } = ground.stage.embedded
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

  async function giveGas(from: Wallet, to: `0x${string}`): Promise<void> {
    const hash = await from.wallet.sendTransaction({ to, value: 10n ** 17n })
    await from.client.waitForTransactionReceipt({ hash })
  }
}
