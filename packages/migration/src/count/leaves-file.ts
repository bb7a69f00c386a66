import { CloisterError } from '@cloister/core'
import type { Hex } from 'viem'
import type { LegacyAccount } from '../account.ts'
import { CHAINS, DEVELOPMENT_CHAIN, type LegacyChain } from './chains.ts'
import { type Leaf, LeafTree, NEW_DECIMALS } from './leaves.ts'
import { multisigOf } from './owners.ts'
import type { Snapshot } from './snapshot.ts'

const FORMAT = 'cloister-migration-leaves-1'
/** More than any chain has accounts. */
const MOST_LEAVES = 8_000_000

/** A leaf with its place in the tree. */
export interface PlacedLeaf extends Leaf {
  index: number
}

/** What everybody may claim, as it is published: a tree whose root a contract has. */
export class Leaves {
  readonly chain: LegacyChain
  readonly block: number
  readonly all: readonly PlacedLeaf[]
  readonly tree: LeafTree
  /** Of accounts that several control, each alone: who they are. */
  readonly members: ReadonlyMap<LegacyAccount, readonly LegacyAccount[]>
  private readonly byAccount = new Map<LegacyAccount, PlacedLeaf[]>()

  constructor(
    chain: LegacyChain,
    block: number,
    leaves: readonly Leaf[],
    members: ReadonlyMap<LegacyAccount, readonly LegacyAccount[]>,
  ) {
    this.chain = chain
    this.block = block
    this.all = leaves.map((leaf, index) => ({ ...leaf, index }))
    this.tree = new LeafTree(leaves)
    this.members = members
    for (const leaf of this.all) {
      const others = this.byAccount.get(leaf.account)
      if (others) others.push(leaf)
      else this.byAccount.set(leaf.account, [leaf])
    }
  }

  /** An account's leaves: one for what is its own, and one for each part that vests. None for a stranger. */
  of(account: LegacyAccount): readonly PlacedLeaf[] {
    return this.byAccount.get(account) ?? []
  }

  /** Base units of the new token, of all leaves. */
  get total(): bigint {
    return this.all.reduce((sum, { amount }) => sum + amount, 0n)
  }
}

/** What is published of a snapshot. */
export function leavesOfSnapshot({ chain, block, leaves, resolved }: Snapshot): Leaves {
  const members = new Map(resolved.flatMap(({ to, members: all }) => (all ? [[to, all] as const] : [])))
  return new Leaves(chain, block, leaves, members)
}

/** Leaves as text (JSON), a line each. The same leaves are the same text. */
export function writeLeaves({ chain, block, all, tree, total, members }: Leaves): string {
  const rows = all.map(({ account, amount, vestsFrom, vestsUntil }) =>
    JSON.stringify([account, amount.toString(), vestsFrom, vestsUntil]),
  )
  const facts = {
    format: FORMAT,
    chain,
    block,
    root: tree.root,
    total: total.toString(),
    decimals: NEW_DECIMALS,
    members: Object.fromEntries([...members].sort(([one], [other]) => (one < other ? -1 : 1))),
  }
  return `${JSON.stringify(facts, undefined, 2).slice(0, -2)},\n  "leaves": [\n    ${rows.join(',\n    ')}\n  ]\n}\n`
}

/**
 * Reads what `writeLeaves` wrote. The root is made anew from the leaves and has to be the one the file names;
 * whether it is a contract's is for the caller to see. Throws `bad-file`.
 */
export function parseLeaves(text: string): Leaves {
  const file = parseJson(text)
  const { chain, block, leaves, members, root } = file
  if (file['format'] !== FORMAT) throw badFile(`it is none of format ${FORMAT}`)
  if (!isChain(chain) || !Number.isSafeInteger(block)) throw badFile('it doesn’t say which chain it is of')
  if (!Array.isArray(leaves) || leaves.length === 0 || leaves.length > MOST_LEAVES)
    throw badFile('it has no leaves')
  const read = new Leaves(chain, Number(block), leaves.map(parseLeaf), parseMembers(members))
  if (read.tree.root !== root) throw badFile(`its leaves have another root, ${read.tree.root}`)
  if (String(read.total) !== file['total']) throw badFile(`its leaves come to another total, ${read.total}`)
  return read
}

function parseJson(text: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(text))
  } catch (cause) {
    throw badFile('it is no JSON', cause)
  }
}

/** No root says what chain leaves are of: what is known of it has to be what the file says. */
function isChain(chain: unknown): chain is LegacyChain {
  const { name, specVersion, ...facts } = Object(chain)
  const { name: development, specVersion: _, ...known } = DEVELOPMENT_CHAIN
  const expected = name === development ? known : CHAINS.get(name)
  return (
    expected !== undefined &&
    Number.isSafeInteger(specVersion) &&
    specVersion >= 0 &&
    Object.entries(expected).every(([fact, value]) => facts[fact] === value)
  )
}

function parseLeaf(row: unknown, index: number): Leaf {
  const [account, amount, vestsFrom, vestsUntil] = Array.isArray(row) ? row : []
  const isLeaf =
    isAccount(account) &&
    typeof amount === 'string' &&
    /^[1-9]\d{0,28}$/.test(amount) &&
    [vestsFrom, vestsUntil].every((time) => Number.isSafeInteger(time) && time >= 0 && time < 2 ** 40)
  if (!isLeaf) throw badFile(`it has something among its leaves that is none, at ${index}`)
  return { account, amount: BigInt(amount), vestsFrom, vestsUntil }
}

function parseMembers(members: unknown): Map<LegacyAccount, LegacyAccount[]> {
  return new Map(
    Object.entries(Object(members)).map(([account, all]) => {
      if (!isAccount(account) || !Array.isArray(all) || !all.every(isAccount))
        throw badFile('it has members of an account that are none')
      // The root says nothing of members; the account does.
      if (multisigOf(all, 1) !== account) throw badFile(`it has members of ${account} that are not its own`)
      return [account, all]
    }),
  )
}

function isAccount(text: unknown): text is Hex {
  return typeof text === 'string' && /^0x[0-9a-f]{64}$/.test(text)
}

function badFile(what: string, cause?: unknown): CloisterError {
  return new CloisterError('bad-file', `The file of leaves can not be used: ${what}.`, {
    hint: 'Get the file that `cloister migrate snapshot` wrote (leaves.json), or make it yourself.',
    cause,
  })
}
