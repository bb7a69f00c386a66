import { type RequestKeyReport, requestKeyTypedData } from '@cloister/core'
import { generateKeyPair } from '@cloister/secrets'
import { bytesToHex, type Hex, type LocalAccount } from 'viem'

/** What requests to a worker are sealed to, and the worker's word that it is its own. */
export interface RequestKey {
  report: RequestKeyReport
  privateKey: Uint8Array
}

/** Makes a key for sealed requests. It is kept in memory alone: what was sealed to it opens never after. */
export async function newRequestKey(
  key: LocalAccount,
  tlsKeyHash: Hex,
  chainId: number,
): Promise<RequestKey> {
  const { publicKey, privateKey } = await generateKeyPair()
  const named = { key: bytesToHex(publicKey), tlsKeyHash }
  const signature = await key.signTypedData(requestKeyTypedData(named, chainId))
  return { report: { key: named.key, signature }, privateKey }
}
