// Statuses and a memory for tests of what watches leases.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { LeaseStatus } from '@cloister/sdk'
import type { Hex } from 'viem'
import { onTestFinished } from 'vitest'

export const LEASE: Hex = `0x${'1e'.repeat(32)}`
export const TENANT: Hex = `0x${'7e'.repeat(20)}`
export const TOKEN: Hex = `0x${'70'.repeat(20)}`

/** A lease that runs, costs 10 base units a second and has a day left. */
export function statusOf(changes: Partial<LeaseStatus> = {}): LeaseStatus {
  return {
    lease: LEASE,
    shortId: '1e1e1e1e1e1e1e1e',
    name: 'my-app',
    tenant: TENANT,
    state: 'running',
    attestation: 'simulated',
    secondsLeft: 86_400,
    ratePerSecond: 10n,
    token: TOKEN,
    deposit: 1_000_000n,
    services: [],
    domains: [],
    ...changes,
  } as LeaseStatus
}

export function serviceOf(changes: object): LeaseStatus['services'][number] {
  return {
    name: 'web-0',
    service: 'web',
    state: 'running',
    restarts: 0,
    image: 'i',
    digest: 'd',
    ...changes,
  } as never
}

/** A domain whose certificate holds from 1970 until `notAfter`, in Unix milliseconds. */
export function domainOf(changes: object, notAfter: number): LeaseStatus['domains'][number] {
  return {
    domain: 'app.example.org',
    service: 'web',
    port: 80,
    protocol: 'http',
    claim: 'found',
    certificate: { notBefore: 0, notAfter },
    ...changes,
  } as never
}

/** A path in a folder that goes with the test. */
export function statePath(): string {
  const folder = mkdtempSync(join(tmpdir(), 'cloister-keep-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return join(folder, 'state.json')
}
