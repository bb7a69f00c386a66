import type { Globals } from '../../command.ts'

/** Options that are about evidence out of a file. */
export interface FileOptions {
  json?: boolean
  reportData?: string
  nonce?: string
  compose?: string
  endorsements?: string
  at?: string
}

export interface VerifyOptions extends Globals, FileOptions {
  offline?: string
  policy?: string
}
