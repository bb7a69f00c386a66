import { type Address, type Hex, hexToBytes, serializeTransaction } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { fastLzLength } from '../fast-lz.ts'

/** The FastLZ length of a signed transaction with `data`. */
export function signedLength(
  data: Hex,
  to: Address = privateKeyToAccount(generatePrivateKey()).address,
): number {
  const transaction = {
    type: 'eip1559',
    chainId: 2035,
    nonce: 300,
    maxFeePerGas: 1_200_000n,
    maxPriorityFeePerGas: 100_000n,
    gas: 300_000n,
    to,
    data,
  } as const
  const signature = { r: generatePrivateKey(), s: generatePrivateKey(), yParity: 1 }
  return fastLzLength(hexToBytes(serializeTransaction(transaction, signature)))
}
