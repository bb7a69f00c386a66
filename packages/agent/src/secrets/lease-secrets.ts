import { CloisterError, canonicalHash, GrowingPause, messageOf, type Service } from '@cloister/core'
import type { ContainerSpec } from '@cloister/executors'
import type { Run } from '@cloister/key-service/client'
import { type Envelope, openEnvelope, type Secrets } from '@cloister/secrets'
import type { Hex } from 'viem'

const FIRST_PAUSE_MS = 500
const LONGEST_PAUSE_MS = 15_000
const FILE_MODE = 0o444

/** Gets the private keys for an envelope of a lease's; see `fetchAppKeys`. */
export type FetchKeys = (run: Run, envelope: Envelope) => Promise<[Uint8Array, Uint8Array, Uint8Array]>

/** Opened secrets of leases, in memory alone. */
export class LeaseSecrets {
  private readonly fetchKeys: FetchKeys
  /**
   * By lease and manifest: what one manifest may have, no other of the same lease gets without being asked
   * for.
   */
  private readonly opened = new Map<Hex, Map<Hex, { digest: Hex; secrets: Secrets }>>()

  constructor(fetchKeys: FetchKeys) {
    this.fetchKeys = fetchKeys
  }

  /**
   * Has the key service give the keys and opens the envelope. Tries again, while that can't be had, until
   * `signal`, and says once that it waits. Throws `no-keys` or `not-sealed-for-us`.
   */
  async open(
    run: Run,
    envelope: Envelope,
    signal: AbortSignal,
    waiting: (why: string) => void = () => {},
  ): Promise<Secrets> {
    const pauses = new GrowingPause({ firstMs: FIRST_PAUSE_MS, longestMs: LONGEST_PAUSE_MS })
    for (;;) {
      try {
        const secrets = await openEnvelope(envelope, await this.fetchKeys(run, envelope))
        const ofLease = this.opened.get(run.lease) ?? new Map()
        this.opened.set(
          run.lease,
          ofLease.set(run.manifestHash, { digest: canonicalHash(envelope), secrets }),
        )
        return secrets
      } catch (error) {
        const isFinal =
          error instanceof CloisterError && ['no-keys', 'not-sealed-for-us'].includes(error.code)
        if (isFinal || signal.aborted) throw error
        if (pauses.isFirst) waiting(messageOf(error))
        await pauses.wait(signal)
        if (signal.aborted) throw error
      }
    }
  }

  /** What an engine starts for a manifest: a spec with the values of the service's sealed secrets. */
  async complete(
    spec: ContainerSpec,
    manifestHash: Hex,
    { sealed }: Service,
    envelope: Envelope | undefined,
    signal: AbortSignal,
    waiting: (why: string) => void,
  ): Promise<ContainerSpec> {
    if (!sealed || !envelope) return spec
    const run = { lease: spec.lease as Hex, manifestHash }
    const known = this.opened.get(run.lease)?.get(manifestHash)
    const secrets =
      known?.digest === canonicalHash(envelope)
        ? known.secrets
        : await this.open(run, envelope, signal, waiting)
    const env = { ...spec.env }
    const files = [...spec.files]
    for (const { name, path } of sealed) {
      const value = secrets[name]
      if (value === undefined)
        throw new CloisterError('secrets-missing', `The sealed secret ${name} was not handed over.`)
      if (path !== undefined) files.push({ path, content: Buffer.from(value), mode: FILE_MODE })
      else env[name] = textOf(name, value)
    }
    return { ...spec, env, files }
  }

  forget(lease: Hex): void {
    this.opened.delete(lease)
  }
}

function textOf(name: string, value: Uint8Array): string {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(value)
    if (!text.includes('\0')) return text
  } catch {
    // Not text.
  }
  throw new CloisterError('bad-secrets', `The sealed secret ${name} is no text, so it can't be a variable.`, {
    hint: 'Take it as a file: NAME:/path.',
  })
}
