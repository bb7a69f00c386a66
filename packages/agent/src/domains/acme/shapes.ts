// What an authority answers, as far as it is read. RFC 8555, section 7.1; RFC 9773, section 4.
import * as z from 'zod'

const url = z.url({ protocol: /^https?$/ }).max(2_048)

export const Directory = z.object({
  newNonce: url,
  newAccount: url,
  newOrder: url,
  renewalInfo: url.optional(),
  meta: z.object({ caaIdentities: z.array(z.string().max(255)).max(16).optional() }).optional(),
})
export type Directory = z.infer<typeof Directory>

export const Order = z.object({
  status: z.enum(['pending', 'ready', 'processing', 'valid', 'invalid']),
  authorizations: z.array(url).max(16),
  finalize: url,
  certificate: url.optional(),
  error: z.unknown().optional(),
})
export type Order = z.infer<typeof Order>

const Challenge = z.object({
  type: z.string().max(64),
  url,
  token: z
    .string()
    .regex(/^[\w-]{16,128}$/)
    .optional(),
  error: z.unknown().optional(),
})
export type Challenge = z.infer<typeof Challenge>

export const Authorization = z.object({
  status: z.enum(['pending', 'valid', 'invalid', 'deactivated', 'expired', 'revoked']),
  challenges: z.array(Challenge).max(16),
})
export type Authorization = z.infer<typeof Authorization>

export const RenewalInfo = z.object({
  suggestedWindow: z.object({ start: z.coerce.date(), end: z.coerce.date() }),
})
