import type { Send } from '@cloister/transport/web'

/**
 * The status that a service's address answers with; undefined where it answers, and lets no page of another
 * origin see with what: gateways' own answers are open to all. Redirects are answers. Throws what `fetch`
 * throws where nobody answers.
 */
export async function statusAt(url: string, send: Send, signal: AbortSignal): Promise<number | undefined> {
  const init = { signal, credentials: 'omit' } as const
  try {
    const response = await send(url, { ...init, redirect: 'manual' })
    await response.body?.cancel()
    return response.status
  } catch {
    // It may have answered, for others than us to read.
    await send(url, { ...init, mode: 'no-cors' })
    return undefined
  }
}
