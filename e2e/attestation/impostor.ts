import { createServer as createTlsServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { issueTlsCertificate, newTlsKey } from '@cloister/attest/node/tls'
import { developmentAccount } from '@cloister/development/accounts'
import { createCloister, sessionOf, WorkerClient } from '@cloister/sdk'
import { type Hex, zeroHash } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import type { Ground } from './ground.ts'

const _FMSPC: Hex = '0xc10157e20000'

/** Somebody between a tenant and a worker. */
export function impostorTests(ground: Ground): void {
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
      const { network } = ground.stage.embedded
      const cloister = createCloister({ network, account: developmentAccount(network, 4) })
      const record = await cloister.index.lease(ground.lease.lease)
      const refusal = {
        code: 'not-attested',
        message: expect.stringContaining('its TLS key is not the attested one'),
      }
      await expect(
        sessionOf(cloister, { ...record, endpoint }).worker.lease(ground.lease.lease),
      ).rejects.toMatchObject(refusal)
      let heard = false
      proxy.on('request', () => (heard = true))
      const attestedKey = async () =>
        (await cloister.index.worker(ground.lease.worker)).tlsKeyHash ?? zeroHash
      const client = new WorkerClient({
        endpoint,
        worker: ground.lease.worker,
        wallet: cloister.wallet,
        attestedKey,
        network: cloister.network,
      })
      await expect(client.metrics(ground.lease.lease)).rejects.toMatchObject(refusal)
      expect(heard).toBe(false)
    })
  })
}
