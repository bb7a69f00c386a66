import type { Hex } from 'viem'

/** Answers to what an authority is about to ask for (HTTP-01), while it may. */
export class Challenges {
  private readonly answers = new Map<string, string>()

  /** The answer for a token of a lease's domain. */
  find(lease: Hex, domain: string, token: string): string | undefined {
    return this.answers.get(`${lease}/${domain}/${token}`)
  }

  /** Makes one available until what is returned is called. */
  add(lease: Hex, domain: string, token: string, answer: string): () => void {
    const key = `${lease}/${domain}/${token}`
    this.answers.set(key, answer)
    return () => void this.answers.delete(key)
  }
}
