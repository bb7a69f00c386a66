import { randomUUID } from 'node:crypto'
import { mkdir, readFile, rmdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { SnpEndorsements } from '@cloister/attest'
import { CloisterError, messageOf } from '@cloister/core'
import { type FindSnpEndorsements, snpEndorsements } from './snp-endorsements.ts'
import type { Evidence, EvidenceSource } from './source.ts'

/** The calls that the kernel's file interface answers; a fake takes their place in tests. */
export interface TsmFiles {
  mkdir(path: string): Promise<unknown>
  readFile(path: string): Promise<Buffer>
  writeFile(path: string, data: Uint8Array, options: { flag: string }): Promise<void>
  rmdir(path: string): Promise<void>
}

const ATTEMPTS = 3

/**
 * Linux's configfs-tsm (Documentation/ABI/testing/configfs-tsm-report): a folder made under `root` is one
 * request; its `inblob` takes the report data, its `outblob` gives the quote, and `generation` tells whether
 * somebody else wrote between.
 */
export function tsmSource(
  root: string,
  files: TsmFiles = { mkdir, readFile, writeFile, rmdir },
  amd: FindSnpEndorsements = snpEndorsements(),
): EvidenceSource {
  return {
    name: 'configfs-tsm',
    async quote(reportData) {
      const folder = join(root, `cloister-${randomUUID()}`)
      try {
        await files.mkdir(folder)
      } catch (cause) {
        throw new CloisterError('no-evidence', `This machine makes no quotes: ${root} can not be used.`, {
          hint: 'Run inside a TDX or SEV-SNP guest with Linux 6.7 or later, configfs mounted, as root.',
          cause,
        })
      }
      try {
        return await request(files, folder, reportData, amd)
      } finally {
        await files.rmdir(folder).catch(() => {})
      }
    },
  }
}

async function request(
  files: TsmFiles,
  folder: string,
  reportData: Uint8Array,
  amd: (report: Uint8Array, table: Uint8Array) => Promise<SnpEndorsements>,
): Promise<Evidence> {
  const text = async (name: string) => (await files.readFile(join(folder, name))).toString().trim()
  try {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const before = Number(await text('generation'))
      await files.writeFile(join(folder, 'inblob'), reportData, { flag: 'r+' })
      const provider = await text('provider')
      if (provider !== 'tdx_guest' && provider !== 'sev_guest')
        throw new CloisterError(
          'no-evidence',
          `The kernel’s provider of evidence is ${provider.slice(0, 40)}; workers attest with tdx_guest or sev_guest.`,
        )
      const quote = new Uint8Array(await files.readFile(join(folder, 'outblob')))
      // The host's table of certificates; hosts needn't give one.
      const table =
        provider === 'sev_guest'
          ? await files.readFile(join(folder, 'auxblob')).catch(() => Buffer.alloc(0))
          : undefined
      // One write, ours, lies between: otherwise the quote may be about somebody else's data.
      if (Number(await text('generation')) !== before + 1) continue
      return table
        ? { kind: 'sev-snp', quote, endorsements: await amd(quote, new Uint8Array(table)) }
        : { kind: 'tdx', quote }
    }
  } catch (cause) {
    if (cause instanceof CloisterError) throw cause
    throw new CloisterError('no-evidence', `The kernel gave no quote: ${messageOf(cause)}.`, {
      hint: 'Is the host’s quote generation service running?',
      cause,
    })
  }
  throw new CloisterError('no-evidence', 'Something else writes into our request for a quote.')
}
