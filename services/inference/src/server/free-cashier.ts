import { createHash, timingSafeEqual } from 'node:crypto'
import { CloisterError } from '@cloister/core'
import { NONE } from '../protocol/constants.ts'
import type { Cashier, Hold } from './cashier.ts'
import type { Question } from './question.ts'

const FREE: Hold = {
  payer: '',
  offer: NONE,
  channel: NONE,
  price: () => 0n,
  headers: () => ({}),
  release: () => {},
}

/** Bills nothing. With `tokenHash`, only whoever has the token is answered. */
export class FreeCashier implements Cashier {
  private readonly tokenHash: Buffer | undefined

  /** `tokenHash`: SHA-256 of the token, in hex. */
  constructor(tokenHash?: string) {
    this.tokenHash = tokenHash === undefined ? undefined : Buffer.from(tokenHash.slice(2), 'hex')
  }

  async admit(question: Question): Promise<Hold> {
    if (this.tokenHash) {
      const hash = createHash('sha256')
        .update(tokenOf(question) ?? '')
        .digest()
      if (!timingSafeEqual(hash, this.tokenHash))
        throw new CloisterError('unauthorized', 'The endpoint is private, and that is not its token.')
    }
    return FREE
  }
}

/** What a client sends as its API key: by OpenAI's header, or Anthropic's. */
export function tokenOf({ headers }: Pick<Question, 'headers'>): string | undefined {
  const bearer = /^bearer +(\S+) *$/i.exec(headers['authorization'] ?? '')?.[1]
  return bearer ?? headers['x-api-key']
}
