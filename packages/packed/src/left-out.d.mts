import type { Plugin } from 'esbuild'

/** What has to stay as it is: it finds files beside itself, or is there for some machines only. */
export const LEFT_OUT: string[]

/** Puts nothing in the place of what isn't used. */
export const unused: Plugin

/** Leaves out what of secp256k1 viem keeps and nobody uses. */
export const curveAlone: Plugin

/** Some of what is packed is CommonJS and asks for `require`. */
export const REQUIRE: string
