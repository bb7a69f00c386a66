import { parseAbi } from 'viem'
import { readContract } from 'viem/actions'
import { PREDEPLOYS } from './genesis.ts'
import { type Proposing, proposeOutput } from './propose.ts'

const PASSER = {
  address: PREDEPLOYS.L2ToL1MessagePasser,
  abi: parseAbi(['function messageNonce() view returns (uint256)']),
  functionName: 'messageNonce',
} as const
/** Outputs grow old: nodes keep a state for some minutes only, and withdrawals are proved by one. */
const FRESH_MS = 60_000

/** Proposes outputs once there are withdrawals: for each new one, and again before the last is too old. */
export class Proposer {
  private readonly proposing: Proposing
  /** Messages that the last output has; none where nobody ever withdrew anything. */
  private messages: bigint | undefined
  private proposedAt = 0

  constructor(proposing: Proposing) {
    this.proposing = proposing
  }

  /** Proposes where it is time to. */
  async look(): Promise<void> {
    const nonce = await readContract(this.proposing.layer2, PASSER)
    // The upper two bytes are a version.
    const messages = nonce & ((1n << 240n) - 1n)
    if (messages === 0n) return
    if (messages === this.messages && Date.now() - this.proposedAt < FRESH_MS) return
    if ((await proposeOutput(this.proposing)) === undefined) return
    this.messages = messages
    this.proposedAt = Date.now()
  }
}
