import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { callService } from '@cloister/client'
import { hashManifest, isReceiptSigned, parseManifest, receiptFromJson } from '@cloister/core'
import { signDocuments } from '@cloister/development/root'
import { type Served, serve } from '@cloister/transport'
import { judgeQuote } from '@cloister/workload'
import { buildProgramImage } from '@cloister/workload/image'
import { WorkerEvidence } from '@cloister/workload/wire'
import { sha256 } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { canDeploy, type Json, until } from './embedded.ts'
import { useWorker } from './own-worker.ts'

const EXAMPLE = join(import.meta.dirname, '../examples/workload-quote')

describe.skipIf(!canDeploy)('a program in a lease', () => {
  const own = useWorker()
  let vendor: Served

  beforeAll(async () => {
    // What a quote is judged with, as the vendor would serve it.
    const documents = await signDocuments(own.chain.root)
    const server = createServer(({ url }, response) => {
      const found = documents[new URL(url ?? '/', 'http://vendor').pathname]
      response.writeHead(found ? 200 : 404, found?.headers).end(found && Buffer.from(found.body, 'base64'))
    })
    vendor = await serve('The vendor', server, { host: '127.0.0.1', port: 0 })
    own.running.worker.network.attestation.endorsementsUrl = `http://127.0.0.1:${vendor.port}`
  })
  afterAll(() => vendor.close())

  it('proves what it is, and shows its worker’s receipts', async () => {
    await buildProgramImage(join(own.folder, 'images'), {
      name: 'cloister/workload-quote:1',
      source: join(EXAMPLE, 'quote.ts'),
      file: 'workload-quote',
    })
    const text = readFileSync(join(EXAMPLE, 'compose.yaml'), 'utf8')
    const { manifest } = parseManifest(text, { file: 'compose.yaml' })
    const lease = await own.deploy(manifest)
    const data = sha256('0x1234')
    const ask = async (query: string): Promise<Json> =>
      JSON.parse((await callService(own.client, lease, { path: `/?data=${query}` })).text)
    const one = await until('it answers', async () => {
      const { status, text } = await callService(own.client, lease, { path: `/?data=${data}` })
      return status === 200 && (JSON.parse(text) as Json)
    })
    const { chain, running } = own
    const { address: worker } = running.worker.key
    const from = { worker, lease, manifestHash: hashManifest(manifest) }
    expect(one).toMatchObject(from)
    const evidence = WorkerEvidence.parse(one.evidence)
    expect(await judgeQuote(own.tenant, from, evidence, data)).toMatchObject({ worker })
    for (const other of [{ manifestHash: data }, { lease: data }, { worker: own.usdc }])
      await expect(judgeQuote(own.tenant, { ...from, ...other }, evidence, data)).rejects.toMatchObject({
        code: 'not-attested',
      })
    const receipts = [one, await ask(data)].map(({ receipt }) => receiptFromJson(receipt))
    const { chainId, contracts } = chain.network
    for (const receipt of receipts)
      expect(receipt && (await isReceiptSigned(receipt, chainId, contracts.workers))).toBe(true)
    expect(receipts).toMatchObject([
      { worker, lease, sequence: 0n },
      { worker, lease, sequence: 1n, era: receipts[0]?.era },
    ])
    expect(await ask('0x12')).toMatchObject({ code: 'bad-request' })
    await own.close(lease)
  })
})
