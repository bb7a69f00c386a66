import { send, type Wallet } from '@cloister/chain'
import { type Address, concat, encodeAbiParameters, erc20Abi, type Hex, keccak256, toHex } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { deploy } from '../governance/voters.ts'
import type { Compiled } from '../peers/compile.ts'

const AMOUNT = 10n ** 18n
/** Leaves whose being claimed is written in one word: each of ours here is the first of its own, too. */
const WORD = 256
const LEAF = [{ type: 'uint256' }, { type: 'address' }, { type: 'uint256' }] as const
const CLAIM = [
  { name: 'index', type: 'uint256' },
  { name: 'to', type: 'address' },
  { name: 'amount', type: 'uint256' },
] as const

/** What claims of an airdrop by a list of Ethereum accounts take: gas of whole transactions. */
export interface AirdropGas {
  /** Sent by whoever is on the list. */
  own: bigint
  /** Sent by anybody, with a signature that names the receiver. */
  signed: bigint
}

/** Deploys OpenZeppelin's parts as an airdrop with proofs of `depth` hashes, and claims from it. */
export async function airdropGas(
  wallet: Wallet,
  peer: Compiled,
  token: Address,
  depth: number,
): Promise<AirdropGas> {
  const holder = privateKeyToAccount(generatePrivateKey())
  const [ownLeaf, signedLeaf] = [0, WORD]
  const leaves = Array.from({ length: 2 ** depth }, (_, index) => {
    const account =
      index === ownLeaf
        ? wallet.account.address
        : index === signedLeaf
          ? holder.address
          : toHex(index, { size: 20 })
    return keccak256(keccak256(encodeAbiParameters(LEAF, [BigInt(index), account, AMOUNT])))
  })
  const levels = levelsOf(leaves)
  const proofOf = (index: number) =>
    levels.slice(0, -1).map((level, height) => level[(index >> height) ^ 1] as Hex)
  const airdrop = await deploy(wallet, peer, [token, levels.at(-1)?.[0]])
  const erc20 = { address: token, abi: erc20Abi } as const
  await send(wallet, { ...erc20, functionName: 'transfer', args: [airdrop, 100n * AMOUNT] })
  const call = async (functionName: string, args: readonly unknown[]) =>
    (await send(wallet, { address: airdrop, abi: peer.abi, functionName, args })).gasUsed
  const own = await call('claim', [ownLeaf, wallet.account.address, AMOUNT, proofOf(ownLeaf)])
  const to: Address = toHex(0xa1d000, { size: 20 })
  const signature = await holder.signTypedData({
    domain: { name: 'Airdrop', version: '1', chainId: wallet.network.chainId, verifyingContract: airdrop },
    types: { Claim: CLAIM },
    primaryType: 'Claim',
    message: { index: BigInt(signedLeaf), to, amount: AMOUNT },
  })
  const proof = proofOf(signedLeaf)
  const signed = await call('claimBySig', [signedLeaf, holder.address, to, AMOUNT, proof, signature])
  return { own, signed }
}

/** The levels of a tree as `MerkleProof` has them: of two, the smaller hash comes first. */
function levelsOf(leaves: Hex[]): Hex[][] {
  const levels = [leaves]
  for (let level = leaves; level.length > 1; levels.push(level)) {
    const below = level
    level = Array.from({ length: below.length / 2 }, (_, at) => {
      const [one, other] = [below[2 * at] as Hex, below[2 * at + 1] as Hex]
      return keccak256(one < other ? concat([one, other]) : concat([other, one]))
    })
  }
  return levels
}
