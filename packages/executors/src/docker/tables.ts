import type { Readable } from 'node:stream'
import { readTar } from '@cloister/images'
import type Docker from 'dockerode'
import { MAX_TABLE_BYTES } from '../user-tables.ts'
import { statusOf } from './failures.ts'
import { withoutLinks } from './working-dir.ts'

/** A table of users or groups in a container that doesn't run; empty where there is no such file. */
export async function readTable(
  socketPath: string,
  container: Docker.Container,
  path: string,
): Promise<string> {
  const settled = await withoutLinks(socketPath, container.id, path)
  const archive = await container.getArchive({ path: settled }).catch((error) => {
    if (statusOf(error) === 404) return undefined
    throw error
  })
  if (!archive) return ''
  const bytes = archive as Readable
  try {
    for await (const entry of readTar(bytes as AsyncIterable<Buffer>)) {
      if (entry.type !== 'file') return ''
      const chunks: Buffer[] = []
      let length = 0
      for await (const chunk of entry.content()) {
        chunks.push(chunk)
        length += chunk.length
        if (length >= MAX_TABLE_BYTES) break
      }
      return Buffer.concat(chunks).toString('utf8', 0, MAX_TABLE_BYTES)
    }
    return ''
  } finally {
    bytes.destroy()
  }
}
