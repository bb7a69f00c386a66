import { bigint, numeric } from 'drizzle-orm/pg-core'

/** An amount in base units of its token. */
export const amount = (name: string) => numeric(name, { precision: 78, scale: 0, mode: 'bigint' })

/** A number of seconds, or an instant in Unix seconds. */
export const seconds = (name: string) => bigint(name, { mode: 'number' })
