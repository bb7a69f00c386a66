import { parsePolicy } from '@cloister/core'
import { describe, expect, it } from 'vitest'
import { failuresOf, type PolicyFacts, requireMet } from './policy.ts'
import type { BundleVerdict } from './verdict.ts'

const verdict = (change: Partial<BundleVerdict> = {}): BundleVerdict =>
  ({
    genuine: true,
    measurement: `0x${'11'.repeat(32)}`,
    places: [],
    problems: [],
    verdict: { kind: 'tdx', root: 'intel', tcb: { status: 'UpToDate', advisories: [] } },
    ...change,
  }) as unknown as BundleVerdict
const facts = (change: Partial<PolicyFacts> = {}): PolicyFacts => ({ attestedSecondsAgo: 60, ...change })
const place = (label: string) => ({ label, witness: 'Alice', instant: 0 })

describe('a policy', () => {
  it('is met by a real machine that is up to date, where nothing else is said', () => {
    expect(failuresOf(verdict(), parsePolicy('', false), facts())).toEqual([])
  })

  it('that wants a place is met by a witness’s word on it, or on a place inside', () => {
    const policy = parsePolicy('place=aws/eu-central-1+hetzner', false)
    expect(failuresOf(verdict({ places: [place('hetzner/fsn1')] }), policy, facts())).toEqual([])
    expect(failuresOf(verdict({ places: [place('aws/eu-central-1/a')] }), policy, facts())).toEqual([])
    expect(failuresOf(verdict(), policy, facts())).toEqual([
      'No witness says where it stands; the policy wants aws/eu-central-1 or hetzner.',
    ])
    expect(failuresOf(verdict({ places: [place('aws/us-east-1')] }), policy, facts())[0]).toMatch(
      /^Witnesses saw it at aws\/us-east-1;/,
    )
  })

  it('wants GPUs confirmed in confidential mode, as many and of the model that are leased, unless it says any', () => {
    const gpus = (confirmed: { gpuClass: string; gpus: number }, models = ['h100'], wanted = 2) =>
      facts({ gpus: { wanted, models, confirmed } })
    const strict = parsePolicy('', false)
    expect(failuresOf(verdict(), strict, gpus({ gpuClass: 'h100', gpus: 8 }))).toEqual([])
    expect(failuresOf(verdict(), strict, gpus({ gpuClass: '', gpus: 0 }))).toEqual([
      'None of its GPUs is confirmed in confidential mode; the policy wants 2 × h100.',
    ])
    expect(failuresOf(verdict(), strict, gpus({ gpuClass: 'h100', gpus: 1 }))).toHaveLength(1)
    expect(failuresOf(verdict(), strict, gpus({ gpuClass: 'b200', gpus: 8 }))).toHaveLength(1)
    expect(failuresOf(verdict(), strict, gpus({ gpuClass: 'b200', gpus: 8 }, []))).toEqual([])
    expect(failuresOf(verdict(), strict, gpus({ gpuClass: '', gpus: 0 }, [], 0))).toEqual([])
    expect(failuresOf(verdict(), parsePolicy('gpu=any', false), gpus({ gpuClass: '', gpus: 0 }))).toEqual([])
  })

  it('says every reason, the first as the error', () => {
    const simulated = verdict({
      verdict: {
        kind: 'tdx',
        root: 'devnet',
        tcb: { status: 'OutOfDate', advisories: [] },
      } as unknown as BundleVerdict['verdict'],
    })
    const policy = parsePolicy(`measurement=0x${'22'.repeat(32)},age=1m`, false)
    const failures = failuresOf(simulated, policy, facts({ attestedSecondsAgo: 120 }))
    expect(failures).toHaveLength(4)
    expect(() => requireMet({ failures })).toThrow(failures[0])
    expect(() => requireMet({ failures: [] })).not.toThrow()
  })

  it('that wants it young is not met where the chain does not know the attestation', () => {
    const failures = failuresOf(
      verdict(),
      parsePolicy('age=1h', false),
      facts({ attestedSecondsAgo: Infinity }),
    )
    expect(failures).toEqual([
      'The chain does not say when it last attested; the policy wants no more than 1h.',
    ])
  })

  it('that is not one is refused by name', () => {
    for (const [text, message] of [
      ['place=', /not name=value/],
      ['gpu=some', /gpus/],
      ['root=devnet', /development networks only/],
      ['where=here', /nothing a policy knows/],
    ] as const)
      expect(() => parsePolicy(text, false)).toThrow(message)
  })
})
