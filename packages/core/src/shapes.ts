import { type Address, getAddress, type Hex, isAddress } from 'viem'
import * as z from 'zod'

/** An Ethereum address in any case; comes out checksummed. */
export const address = z
  .string()
  .refine((text) => isAddress(text, { strict: false }), 'not an address')
  .transform((text): Address => getAddress(text))

/** 32 bytes in lower-case hex. */
export const bytes32 = z
  .string()
  .regex(/^0x[0-9a-fA-F]{64}$/, 'not 32 bytes in hex')
  .transform((text) => text.toLowerCase() as Hex)

export const hexBytes = z
  .string()
  .regex(/^0x([0-9a-fA-F]{2}){0,4096}$/, 'not bytes in hex')
  .transform((text) => text as Hex)

/** A non-negative integer as a decimal string: amounts in JSON. */
export const decimal = z.string().regex(/^\d{1,78}$/, 'not a whole number in decimal')
