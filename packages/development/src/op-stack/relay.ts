import { type Address, type Hex, keccak256, type Log, parseAbiItem } from 'viem'
import {
  getBlockNumber,
  getLogs,
  getTransactionReceipt,
  sendRawTransaction,
  waitForTransactionReceipt,
} from 'viem/actions'
import { getSourceHash, opaqueDataToDepositData, serializeTransaction } from 'viem/op-stack'
import type { Side } from './clients.ts'

const DEPOSITED = parseAbiItem(
  'event TransactionDeposited(address indexed from, address indexed to, uint256 indexed version, bytes opaqueData)',
)
/** Blocks of layer 1 that are looked through at once. */
const SPAN = 2_000n

/** A deposit, as a layer 2 takes it. */
interface Deposit {
  hash: Hex
  raw: Hex
}

/**
 * Deposits that layer 1 has for layer 2 after block `after`, in their order, and the last block that was
 * looked at. What a rollup node derives (specs/protocol/deposits.md, "User-Deposited Transactions").
 */
export async function depositsAfter(
  layer1: Side,
  portal: Address,
  after: bigint,
): Promise<{ deposits: Deposit[]; upTo: bigint }> {
  const head = await getBlockNumber(layer1, { cacheTime: 0 })
  const upTo = head > after + SPAN ? after + SPAN : head
  if (upTo <= after) return { deposits: [], upTo: after }
  const logs = await getLogs(layer1, {
    address: portal,
    event: DEPOSITED,
    fromBlock: after + 1n,
    toBlock: upTo,
    strict: true,
  })
  return { deposits: logs.map(depositOf), upTo }
}

type DepositLog = Log<bigint, number, false, typeof DEPOSITED, true>

function depositOf({ blockHash, logIndex, args: { from, to, opaqueData } }: DepositLog): Deposit {
  const { data, gas, isCreation, mint, value } = opaqueDataToDepositData(opaqueData)
  const sourceHash = getSourceHash({ domain: 'userDeposit', l1BlockHash: blockHash, l1LogIndex: logIndex })
  const raw = serializeTransaction({
    type: 'deposit',
    sourceHash,
    from,
    ...(!isCreation && { to }),
    data,
    gas,
    isSystemTx: false,
    ...(mint !== undefined && { mint }),
    ...(value !== undefined && { value }),
  })
  return { hash: keccak256(raw), raw }
}

/** Hands layer 2 the deposits after a block that it hasn't got, and returns the last block looked at. */
export async function relayDeposits(
  { layer1, layer2 }: { layer1: Side; layer2: Side },
  portal: Address,
  after: bigint,
): Promise<bigint> {
  const { deposits, upTo } = await depositsAfter(layer1, portal, after)
  for (const { hash, raw } of deposits) {
    const known = await getTransactionReceipt(layer2, { hash }).catch(() => undefined)
    if (known) continue
    await sendRawTransaction(layer2, { serializedTransaction: raw })
    // anvil's pool has room for one of a sender's: all tokens' have the messenger for theirs.
    await waitForTransactionReceipt(layer2, { hash })
  }
  return upTo
}
