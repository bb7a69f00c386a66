import type { Send } from '@cloister/transport/web'

/**
 * The status that a service's address answers with. Redirects are answers. Throws what `fetch` throws where
 * nobody answers.
 */
export async function statusAt(url: string, send: Send, signal: AbortSignal): Promise<number | undefined> {
  const response = await send(url, { signal, redirect: 'manual' })
  await response.body?.cancel()
  return response.status
}
