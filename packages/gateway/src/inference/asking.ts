import { afterEach } from 'vitest'
import type { GatewaySettings } from '../gateway.ts'
import { type FakeWorker, raiseStage, type Stage } from './testing.ts'

export const ASK = { model: 'tiny', messages: [{ role: 'user' as const, content: 'Who are you?' }] }

/** A conversation that nobody had before. */
let number = 0
export const anew = () => ({ messages: [{ role: 'user' as const, content: `question ${number++}` }] })

/** A stage of a test's own, and questions to it. */
export class Asking {
  stage!: Stage

  constructor() {
    afterEach(() => this.stage.end())
  }

  async raise(
    count: number,
    settings: Partial<GatewaySettings> = {},
    change?: (workers: FakeWorker[]) => void,
  ): Promise<void> {
    this.stage = await raiseStage(count, settings)
    change?.(this.stage.workers)
  }

  worker(place: number): FakeWorker {
    return this.stage.workers[place] as FakeWorker
  }

  post(
    body: unknown,
    headers: Record<string, string> = {},
    path = '/v1/chat/completions',
  ): Promise<Response> {
    return fetch(`${this.stage.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: typeof body === 'string' || body instanceof Uint8Array ? (body as string) : JSON.stringify(body),
    })
  }

  /** The place of the worker that answers; less than 0, the status, where none does. */
  ask(more: object = {}, headers?: Record<string, string>): Promise<number> {
    return placeOf(this.post({ ...ASK, ...more }, headers))
  }
}

export async function placeOf(asked: Promise<Response>): Promise<number> {
  const answer = await asked
  await answer.text()
  const { ok, status, headers } = answer
  return ok ? Number((headers.get('cloister-lease') ?? '')[2]) - 1 : -status
}
