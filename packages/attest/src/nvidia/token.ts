import { createLocalJWKSet, decodeJwt, errors, type JSONWebKeySet, jwtVerify } from 'jose'
import * as z from 'zod'
import { crypto } from '#crypto'
import { toHex } from '../bytes.ts'
import { EvidenceError } from '../errors.ts'
import { Findings, type Rule } from '../findings.ts'
import type { Verdict } from '../verdict.ts'

const MAX_TOKEN_CHARACTERS = 256 * 1024
const MAX_GPUS = 64
const ALGORITHMS = ['ES384', 'ES256']
const EAT = 'NVIDIA Remote Attestation Service, EAT claims; RFC 9711'

/** A detached EAT bundle, as NRAS and `nvattest` give it: an overall token, and one token a device. */
const Bundle = z.tuple([
  z.tuple([z.literal('JWT'), z.string().max(MAX_TOKEN_CHARACTERS)]),
  z.record(z.string().max(32), z.string().max(MAX_TOKEN_CHARACTERS)),
])
const Overall = z.object({
  'x-nvidia-overall-att-result': z.boolean(),
  eat_nonce: z.string().max(256),
  submods: z.record(
    z.string(),
    z.tuple([z.literal('DIGEST'), z.tuple([z.literal('SHA256').or(z.literal('SHA-256')), z.string()])]),
  ),
})
const Device = z.object({
  eat_nonce: z.string().max(256),
  hwmodel: z.string().max(128),
  ueid: z.string().max(128),
  measres: z.string().max(32),
  secboot: z.boolean().optional(),
  dbgstat: z.string().max(64).optional(),
  'x-nvidia-gpu-driver-version': z.string().max(64).optional(),
  'x-nvidia-gpu-vbios-version': z.string().max(64).optional(),
  'x-nvidia-gpu-attestation-report-signature-verified': z.boolean().optional(),
  'x-nvidia-gpu-attestation-report-nonce-match': z.boolean().optional(),
})

const RULE = {
  signature: {
    code: 'token-signature',
    title: 'The tokens are signed by the issuer’s key',
    source: 'RFC 7515',
    otherwise: 'A token is not signed by a key of the set given.',
  },
  time: {
    code: 'token-time',
    title: 'The tokens are valid at the instant',
    source: 'RFC 7519, section 4.1',
    otherwise: 'A token is not valid at the instant.',
  },
  bundle: {
    code: 'token-bundle',
    title: 'The overall token names each device’s token by its hash',
    source: EAT,
    otherwise: 'The overall token names other device tokens.',
  },
  nonce: {
    code: 'gpu-nonce',
    title: 'The tokens were made for this nonce',
    source: EAT,
    otherwise: 'A token was made for another nonce.',
  },
  overall: {
    code: 'gpu-result',
    title: 'The issuer found everything in order',
    source: EAT,
    otherwise: 'The issuer found something wrong.',
  },
  measured: {
    code: 'gpu-measurements',
    title: 'Firmware and driver measure as NVIDIA published',
    source: EAT,
    otherwise: 'Firmware or driver measure otherwise than NVIDIA published.',
  },
  debug: { code: 'debug', title: 'Debug is off', source: EAT, otherwise: 'Debug is on.' },
  secureBoot: {
    code: 'gpu-secure-boot',
    title: 'The GPU booted securely',
    source: EAT,
    otherwise: 'The GPU did not boot securely.',
  },
} satisfies Record<string, Rule>

/**
 * Verifies a detached EAT bundle about NVIDIA GPUs against a key set and whose it is: `nvidia` for the set
 * that NRAS publishes, fetched from there; what another one signed is simulated. `nonce`: hexadecimal digits
 * that the tokens have to hold; to bind GPUs to a worker, take a number out of its quote.
 * Unsigned tokens, as a local `nvattest` makes them, are refused. One verdict for all devices. Never throws
 * for what is in the evidence.
 */
export async function verifyGpuTokens(
  input: unknown,
  {
    keys,
    issuer,
    nonce,
    instant,
  }: { keys: JSONWebKeySet; issuer: 'nvidia' | 'devnet'; nonce: string; instant: number },
): Promise<Verdict> {
  const findings = new Findings()
  const devices: z.infer<typeof Device>[] = []
  let signed = false
  await findings.attempt(async () => {
    const parsed = Bundle.safeParse(input)
    if (!parsed.success || Object.keys(parsed.data[1]).length > MAX_GPUS)
      throw new EvidenceError('bad-token', 'That is no detached EAT bundle.')
    const [[, overallToken], deviceTokens] = parsed.data
    const outcome = await checkSignatures([overallToken, ...Object.values(deviceTokens)], keys, instant)
    signed = findings.note(RULE.signature, outcome !== 'unsigned')
    findings.note(RULE.time, outcome !== 'expired')
    const overall = claims(Overall, overallToken)
    findings.note(RULE.overall, overall['x-nvidia-overall-att-result'])
    findings.note(RULE.nonce, sameNonce(overall.eat_nonce, nonce), overall.eat_nonce, nonce)
    const names = Object.keys(deviceTokens)
    findings.note(
      RULE.bundle,
      names.length > 0 &&
        names.length === Object.keys(overall.submods).length &&
        (await digestsMatch(overall.submods, deviceTokens)),
    )
    for (const token of Object.values(deviceTokens)) {
      const device = claims(Device, token)
      devices.push(device)
      checkDevice(findings, device, nonce)
    }
  })
  const [first] = devices
  return {
    genuine: findings.problems.length === 0 && devices.length > 0,
    kind: 'nvidia-gpu',
    root: signed ? issuer : undefined,
    simulated: signed && issuer === 'devnet',
    tcb: undefined,
    measurements: {},
    reportData: first?.eat_nonce.toLowerCase() ?? '',
    debug: devices.some(({ dbgstat }) => dbgstat !== undefined && !dbgstat.startsWith('disabled')),
    platform:
      devices.length === 0
        ? undefined
        : devices
            .map(({ ueid }) => ueid)
            .sort()
            .join(','),
    claims: claimsOf(devices),
    instant,
    checks: findings.checks,
    problems: findings.problems,
  }
}

async function checkSignatures(
  tokens: string[],
  keys: JSONWebKeySet,
  instant: number,
): Promise<'good' | 'unsigned' | 'expired'> {
  const keySet = createLocalJWKSet(keys)
  for (const token of tokens) {
    try {
      await jwtVerify(token, keySet, { algorithms: ALGORITHMS, currentDate: new Date(instant * 1000) })
    } catch (error) {
      return error instanceof errors.JWTExpired ||
        (error instanceof errors.JWTClaimValidationFailed && ['nbf', 'iat', 'exp'].includes(error.claim))
        ? 'expired'
        : 'unsigned'
    }
  }
  return 'good'
}

function checkDevice(findings: Findings, device: z.infer<typeof Device>, nonce: string): void {
  findings.note(
    RULE.nonce,
    sameNonce(device.eat_nonce, nonce) && device['x-nvidia-gpu-attestation-report-nonce-match'] !== false,
    device.eat_nonce,
    nonce,
  )
  findings.note(
    RULE.measured,
    device.measres === 'success' && device['x-nvidia-gpu-attestation-report-signature-verified'] !== false,
    device.measres,
  )
  findings.note(
    RULE.debug,
    device.dbgstat === undefined || device.dbgstat.startsWith('disabled'),
    device.dbgstat,
  )
  findings.note(RULE.secureBoot, device.secboot !== false)
}

async function digestsMatch(
  submods: z.infer<typeof Overall>['submods'],
  tokens: Record<string, string>,
): Promise<boolean> {
  for (const [name, token] of Object.entries(tokens)) {
    const digest = toHex(await crypto.digest('SHA-256', new TextEncoder().encode(token)))
    if (submods[name]?.[1][1].toLowerCase() !== digest) return false
  }
  return true
}

function claims<T extends z.ZodType>(schema: T, token: string): z.output<T> {
  try {
    return schema.parse(decodeJwt(token))
  } catch (cause) {
    throw new EvidenceError('bad-token', 'A token does not hold the claims of an NVIDIA attestation.', {
      cause,
    })
  }
}

function sameNonce(found: string, wanted: string): boolean {
  return found.toLowerCase() === wanted.toLowerCase().replace(/^0x/, '')
}

function claimsOf(devices: z.infer<typeof Device>[]): Record<string, string> {
  const [first] = devices
  if (!first) return {}
  const one = (name: string, values: (string | undefined)[]) => ({
    [name]: [...new Set(values.filter((value) => value !== undefined))].join(', '),
  })
  return {
    gpus: String(devices.length),
    ...one(
      'model',
      devices.map(({ hwmodel }) => hwmodel),
    ),
    ...one(
      'driver',
      devices.map((device) => device['x-nvidia-gpu-driver-version']),
    ),
    ...one(
      'firmware',
      devices.map((device) => device['x-nvidia-gpu-vbios-version']),
    ),
    // A GPU hands out attestation tokens with a successful measurement in confidential mode only.
    gpuMode: devices.every(({ measres }) => measres === 'success') ? 'confidential' : 'unknown',
  }
}
