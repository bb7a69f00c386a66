import * as z from 'zod'

/** A registry as an image's reference names it. */
export const REGISTRY_PATTERN = /^[\x21-\x7e]{1,255}$/
/** Who logs in; HTTP's basic scheme splits at the first `:` and knows no control characters (RFC 7617). */
export const LOGIN_PATTERN = /^[^\p{Cc}:]{1,255}$/u
export const PASSWORD_PATTERN = /^\P{Cc}{1,16384}$/u

/**
 * A login at a registry that images of a lease come from. It goes to the worker beside the manifest, which
 * others get to see.
 */
export const RegistryLogin = z.strictObject({
  host: z.string().regex(REGISTRY_PATTERN),
  username: z.string().regex(LOGIN_PATTERN),
  password: z.string().regex(PASSWORD_PATTERN),
})
export type RegistryLogin = z.infer<typeof RegistryLogin>
