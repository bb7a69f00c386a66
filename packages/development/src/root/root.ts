import { createHash, type KeyObject, sign } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type QuoteEndorsements, type TrustRoot, trustRoot } from '@cloister/attest'
import { type JSONWebKeySet, type JWK, SignJWT } from 'jose'
import * as z from 'zod'
import {
  type Certified,
  certify,
  exportKey,
  importKey,
  newKey,
  pointOf,
  revocationList,
  toPem,
} from './certificates.ts'
import { FMSPC, NEWEST_SVNS, QE_SIGNER, TEE_TCB_SVN } from './facts.ts'
import { DevelopmentGpu } from './gpu.ts'
import { DevelopmentEnclave } from './nitro.ts'
import { DevelopmentPlatform, type Manufactured } from './platform.ts'
import { DevelopmentSnpPlatform } from './snp.ts'

const Entity = z.strictObject({ name: z.string(), key: z.base64(), certificate: z.base64() })
const FILE = 'development-root.json'
const GPU_KEY_ID = 'development-gpu'
const LISTS_DAYS = 365
const Stored = z.strictObject({ root: Entity, authority: Entity, tcbSigner: Entity, gpuSigner: Entity })

/**
 * A development attestation root: what Intel is to real machines, this is to machines made of software. It
 * certifies platforms and signs endorsements in the very format of Intel's. Whatever is verified under it is
 * `simulated`.
 */
export class DevelopmentRoot {
  private readonly root: Certified
  private readonly authority: Certified
  private readonly tcbSigner: Certified
  private readonly gpuSigner: Certified

  private constructor({
    root,
    authority,
    tcbSigner,
    gpuSigner,
  }: Record<'root' | 'authority' | 'tcbSigner' | 'gpuSigner', Certified>) {
    this.root = root
    this.authority = authority
    this.tcbSigner = tcbSigner
    this.gpuSigner = gpuSigner
  }

  static async create(): Promise<DevelopmentRoot> {
    const root = await certify('Development Root CA', newKey(), undefined, 'authority')
    const authority = await certify('Development Platform CA', newKey(), root, 'authority')
    const tcbSigner = await certify('Development TCB Signing', newKey(), root, 'entity')
    const gpuSigner = await certify('Development GPU Attestation', newKey(), root, 'entity')
    return new DevelopmentRoot({ root, authority, tcbSigner, gpuSigner })
  }

  /** The root that a folder keeps, made on first use. */
  static async open(folder: string): Promise<DevelopmentRoot> {
    const path = join(folder, FILE)
    if (!existsSync(path)) {
      const made = await DevelopmentRoot.create()
      made.save(folder)
      return made
    }
    const { root, authority, tcbSigner, gpuSigner } = Stored.parse(JSON.parse(readFileSync(path, 'utf8')))
    return new DevelopmentRoot({
      root: fromStored(root),
      authority: fromStored(authority),
      tcbSigner: fromStored(tcbSigner),
      gpuSigner: fromStored(gpuSigner),
    })
  }

  /** Writes the root, with its keys, into a folder that only its owner can read. */
  save(folder: string): void {
    const path = join(folder, FILE)
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const stored = {
      root: toStored(this.root),
      authority: toStored(this.authority),
      tcbSigner: toStored(this.tcbSigner),
      gpuSigner: toStored(this.gpuSigner),
    }
    writeFileSync(`${path}.new`, JSON.stringify(stored, null, 2), { mode: 0o600 })
    renameSync(`${path}.new`, path)
  }

  /** What verifiers are given. Its name is `devnet`. */
  get trust(): TrustRoot {
    return trustRoot(this.root.certificate)
  }

  /** The root certificate in DER. */
  get certificate(): Uint8Array<ArrayBuffer> {
    return this.root.certificate
  }

  /** x ‖ y, as the contracts are given it. */
  get publicKey(): Uint8Array {
    return pointOf(this.root.key)
  }

  /** The certificate, in DER, of the authority that certifies its TDX machines. */
  get authorityCertificate(): Uint8Array<ArrayBuffer> {
    return this.authority.certificate
  }

  /** Makes a machine: a PPID of its own and a PCK key that the root's authority certifies. */
  manufacture(made: Manufactured = {}): Promise<DevelopmentPlatform> {
    return DevelopmentPlatform.manufacture(this.authority, this.root.certificate, made)
  }

  /** Makes an SNP machine; of the same seed, the same one. */
  manufactureSnp(seed?: Uint8Array): Promise<DevelopmentSnpPlatform> {
    const revocations = () => revocationList(this.root, Math.floor(Date.now() / 1000) - 60, [])
    return DevelopmentSnpPlatform.manufacture(this.authority, this.root.certificate, revocations, seed)
  }

  /** Makes a Nitro enclave; of the same seed, the same one. */
  manufactureEnclave(seed?: Uint8Array): Promise<DevelopmentEnclave> {
    return DevelopmentEnclave.manufacture(this.authority, this.root.certificate, seed)
  }

  /** Makes a GPU of a class; of the same seed, the same one. */
  manufactureGpu(gpuClass: string, seed?: Uint8Array): Promise<DevelopmentGpu> {
    return DevelopmentGpu.manufacture(this.root, gpuClass, seed)
  }

  /** Where verifiers find the key that GPU tokens of this root are signed with: a JSON Web Key Set. */
  get gpuKeys(): JSONWebKeySet {
    const { d: _, ...open } = this.gpuSigner.key.export({ format: 'jwk' })
    return { keys: [{ ...open, kid: GPU_KEY_ID, alg: 'ES256' } as JWK] }
  }

  /**
   * Makes tokens about GPUs made of software, as NVIDIA's service makes them about real ones: one verdict
   * and one token a GPU.
   */
  async gpuTokens(nonce: string, gpus: readonly Pick<DevelopmentGpu, 'model' | 'ueid'>[]): Promise<unknown> {
    const now = Math.floor(Date.now() / 1000)
    const token = (claims: object) =>
      new SignJWT({ ...claims, iss: 'cloister-development', eat_nonce: nonce })
        .setProtectedHeader({ alg: 'ES256', kid: GPU_KEY_ID })
        .setIssuedAt(now - 60)
        .setExpirationTime(now + 3_600)
        .sign(this.gpuSigner.key)
    const devices: Record<string, string> = {}
    const submods: Record<string, unknown> = {}
    for (const [index, { model, ueid }] of gpus.entries()) {
      const made = await token({
        hwmodel: model,
        ueid,
        measres: 'success',
        secboot: true,
        dbgstat: 'disabled',
      })
      devices[`GPU-${index}`] = made
      submods[`GPU-${index}`] = ['DIGEST', ['SHA256', createHash('sha256').update(made).digest('hex')]]
    }
    return [['JWT', await token({ 'x-nvidia-overall-att-result': true, submods })], devices]
  }

  /**
   * Endorsements for every platform of this root, as of `now` (Unix seconds): issued a minute before, valid
   * for 30 days. Revocation lists are valid for a year: contracts take no platform without a fresh one, and
   * tests move a chain's time by weeks.
   */
  async endorsements(
    now = Math.floor(Date.now() / 1000),
    revoked: string[] = [],
  ): Promise<QuoteEndorsements> {
    const instant = now - 60
    const issueDate = `${new Date(instant * 1000).toISOString().slice(0, 19)}Z`
    const nextUpdate = `${new Date((instant + 30 * 86_400) * 1000).toISOString().slice(0, 19)}Z`
    const common = { issueDate, nextUpdate, tcbEvaluationDataNumber: 1 }
    const zeros = { mrsigner: '00'.repeat(48), attributes: '00'.repeat(8), attributesMask: 'FF'.repeat(8) }
    const level = (
      svns: readonly number[],
      tdx: readonly number[],
      tcbStatus: string,
      advisoryIDs: string[],
    ) => ({
      tcb: {
        sgxtcbcomponents: svns.map((svn) => ({ svn })),
        pcesvn: 13,
        tdxtcbcomponents: tdx.map((svn) => ({ svn })),
      },
      tcbDate: issueDate,
      tcbStatus,
      advisoryIDs,
    })
    const isvLevel = (isvsvn: number) => [{ tcb: { isvsvn }, tcbDate: issueDate, tcbStatus: 'UpToDate' }]
    const tcbInfo = JSON.stringify({
      id: 'TDX',
      version: 3,
      ...common,
      fmspc: FMSPC,
      pceId: '0000',
      tcbType: 0,
      tdxModule: zeros,
      tdxModuleIdentities: [{ id: 'TDX_01', ...zeros, tcbLevels: isvLevel(TEE_TCB_SVN[0] ?? 0) }],
      tcbLevels: [
        level(NEWEST_SVNS, TEE_TCB_SVN, 'UpToDate', []),
        level(
          NEWEST_SVNS.map((svn) => Math.max(svn - 1, 0)),
          TEE_TCB_SVN,
          'OutOfDate',
          ['DEVELOPMENT-SA-00001'],
        ),
      ],
    })
    const qeIdentity = JSON.stringify({
      id: 'TD_QE',
      version: 2,
      ...common,
      miscselect: '00000000',
      miscselectMask: 'FFFFFFFF',
      attributes: '11000000000000000000000000000000',
      attributesMask: 'FBFFFFFFFFFFFFFF0000000000000000',
      mrsigner: QE_SIGNER,
      isvprodid: 2,
      tcbLevels: isvLevel(4),
    })
    const signed = (text: string) =>
      sign('sha256', Buffer.from(text), { key: this.tcbSigner.key, dsaEncoding: 'ieee-p1363' }).toString(
        'hex',
      )
    const signers = toPem(this.tcbSigner.certificate, this.root.certificate)
    return {
      pck_crl_issuer_chain: toPem(this.authority.certificate, this.root.certificate),
      root_ca_crl: hex(await revocationList(this.root, instant, [], LISTS_DAYS)),
      pck_crl: hex(await revocationList(this.authority, instant, revoked, LISTS_DAYS)),
      tcb_info_issuer_chain: signers,
      tcb_info: tcbInfo,
      tcb_info_signature: signed(tcbInfo),
      qe_identity_issuer_chain: signers,
      qe_identity: qeIdentity,
      qe_identity_signature: signed(qeIdentity),
    }
  }
}

function toStored({ name, key, certificate }: Certified): z.infer<typeof Entity> {
  return { name, key: exportKey(key), certificate: Buffer.from(certificate).toString('base64') }
}

function fromStored({ name, key, certificate }: z.infer<typeof Entity>): {
  name: string
  key: KeyObject
  certificate: Uint8Array<ArrayBuffer>
} {
  return { name, key: importKey(key), certificate: new Uint8Array(Buffer.from(certificate, 'base64')) }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
