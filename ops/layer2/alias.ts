import { type Address, getAddress, numberToHex } from 'viem'

const OFFSET = 0x1111000000000000000000000000000000001111n

/**
 * Who a contract of layer 1 is on layer 2, when it sends something there through the portal.
 * Source: OP Stack specifications, "Address Aliasing".
 */
export function aliasOf(contract: Address): Address {
  return getAddress(numberToHex((BigInt(contract) + OFFSET) % 2n ** 160n, { size: 20 }))
}
