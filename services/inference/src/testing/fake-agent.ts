import { randomBytes } from 'node:crypto'
import type { Network } from '@cloister/chain'
import { type Receipt, receiptTypedData, type SignedReceipt } from '@cloister/core'
import type { Self } from '@cloister/workload'
import type { WorkerEvidence } from '@cloister/workload/wire'
import { bytesToHex, type Hex, sha256, toHex } from 'viem'
import { generatePrivateKey, type PrivateKeyAccount, privateKeyToAccount } from 'viem/accounts'
import type { SentTo } from '../server/payments.ts'

/**
 * A worker's agent for tests without a machine: it signs receipts as an agent does, with a key of its own;
 * its quotes are no quotes.
 */
export class FakeAgent {
  readonly worker: PrivateKeyAccount
  readonly self: Self
  readonly quoted: Hex[] = []
  sender: (contract: SentTo, data: Hex) => Promise<Hex> = () => Promise.reject(new Error('no chain'))
  private readonly secret: Uint8Array
  private sequence = 0n

  /** `network`: what `self` says of it; only the chain's id and the contracts matter here. */
  constructor(
    network: Pick<Network, 'chainId' | 'contracts'>,
    { lease = bytesToHex(randomBytes(32)), manifestHash = sha256('0x00'), secret = randomBytes(32) } = {},
    worker = privateKeyToAccount(generatePrivateKey()),
  ) {
    this.worker = worker
    this.secret = secret
    this.self = { lease, manifestHash, worker: worker.address, network: network as Network }
  }

  async sealingKey(): Promise<Uint8Array> {
    return this.secret
  }

  async receipt(content: Hex): Promise<SignedReceipt> {
    const { lease, network } = this.self
    const receipt: Receipt = {
      worker: this.worker.address,
      lease,
      era: 7n,
      sequence: this.sequence++,
      content,
    }
    const typed = receiptTypedData(receipt, network.chainId, network.contracts.workers)
    return { ...receipt, signature: await this.worker.signTypedData(typed) }
  }

  /** What it was to send. Tests with a chain send it. */
  async send(contract: SentTo, data: Hex): Promise<Hex> {
    return this.sender(contract, data)
  }

  async quote(data: Hex): Promise<WorkerEvidence> {
    this.quoted.push(data)
    return {
      worker: this.worker.address,
      signature: '0x',
      kind: 'tdx',
      tlsKeyHash: toHex(0, { size: 32 }),
      quote: Buffer.from(`no quote over ${data}`).toString('base64'),
      endorsements: {} as WorkerEvidence['endorsements'],
    }
  }
}
