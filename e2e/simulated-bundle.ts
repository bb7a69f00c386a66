import { statementDigest, workerBinding } from '@cloister/core'
import type { DevelopmentRoot } from '@cloister/development/root'
import type { EvidenceBundle } from '@cloister/verify'
import { concat, hexToBytes, sha256, toHex } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'

const ADDRESS = `0x${'11'.repeat(20)}` as const

/** A bundle as `cloister evidence` writes it, about a worker made of software. */
export async function simulatedBundle(root: DevelopmentRoot): Promise<EvidenceBundle> {
  const platform = await root.manufacture()
  const worker = privateKeyToAccount(generatePrivateKey())
  const recordedAt = Math.floor(Date.now() / 1000)
  const bound = {
    chainId: 31337,
    workers: ADDRESS,
    provider: ADDRESS,
    worker: worker.address,
    tlsKeyHash: sha256('0x01'),
  }
  const hash = sha256('0x02')
  const manifest = '{"version":1}'
  const lease = sha256('0x03')
  const said = {
    lease,
    manifestHash: sha256(toHex(manifest)),
    images: { web: 'sha256:00' },
    instant: recordedAt,
  }
  return {
    format: 'cloister-evidence/1',
    recordedAt,
    network: { name: 'test', chainId: 31337, workers: ADDRESS, market: ADDRESS },
    worker: { address: worker.address, provider: ADDRESS, endpoint: 'https://worker.example' },
    evidence: {
      kind: 'tdx',
      quote: Buffer.from(platform.quote(hexToBytes(concat([workerBinding(bound), hash])))).toString('base64'),
      tlsKeyHash: bound.tlsKeyHash,
      freshness: { kind: 'block', number: 7, hash },
    },
    endorsements: await root.endorsements(),
    chain: { coveredUntil: recordedAt + 100, measurementRoles: 1, blockHash: hash },
    lease: {
      id: lease,
      tenant: ADDRESS,
      manifestHash: said.manifestHash,
      statement: { ...said, signature: await worker.sign({ hash: statementDigest(said, 31337, ADDRESS) }) },
      manifest,
    },
  }
}
