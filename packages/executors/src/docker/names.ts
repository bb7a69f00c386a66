import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { DockerSettings } from './settings.ts'

/** What labels of ours begin with. */
export const LABEL = 'network.cloister'

type Labels = Record<string, string> | null | undefined

/** What things of one worker are called on an engine, and how they are known again. */
export class Names {
  private readonly settings: Pick<DockerSettings, 'scope' | 'folder'>

  constructor(settings: Pick<DockerSettings, 'scope' | 'folder'>) {
    this.settings = settings
  }

  /** By one label: several are all of them to Docker, and any of them to Podman where it lists volumes. */
  filters(): { label: string[] } {
    return { label: [`${LABEL}.scope=${this.settings.scope}`] }
  }

  /** The lease of this worker's that something is of, whatever the engine made of the filter. */
  leaseOf(labels: Labels): string | undefined {
    return labels?.[`${LABEL}.scope`] === this.settings.scope ? labels[`${LABEL}.lease`] : undefined
  }

  labels(lease: string): Record<string, string> {
    return { [`${LABEL}.scope`]: this.settings.scope, [`${LABEL}.lease`]: lease }
  }

  /** Where what its containers are given lies. */
  folderOf(lease: string): string {
    return join(this.settings.folder, shorten(lease))
  }

  nameOf(lease: string, part: string): string {
    return `cloister-${this.settings.scope}-${shorten(lease)}-${part}`
  }
}

function shorten(lease: string): string {
  return /^0x[0-9a-f]{64}$/.test(lease)
    ? lease.slice(2, 26)
    : createHash('sha256').update(lease).digest('hex').slice(0, 24)
}
