import type { Address, Hex } from 'viem'
import * as z from 'zod'

// A bundle is read as it stands: whatever is written otherwise than we write it is refused, so that each
// verdict is about one text.
export const address = z.string().regex(/^0x[0-9a-fA-F]{40}$/) as unknown as z.ZodType<Address>
export const bytes32 = z.string().regex(/^0x[0-9a-f]{64}$/) as unknown as z.ZodType<Hex>
export const hex = z
  .string()
  .regex(/^0x([0-9a-f]{2})*$/)
  .max(1024) as unknown as z.ZodType<Hex>
export const seconds = z.int().min(0)
