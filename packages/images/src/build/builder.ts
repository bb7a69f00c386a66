import { CloisterError } from '@cloister/core'
import { runProgram } from '../program.ts'

/** Programs that build images, in the order in which they are looked for. */
export const BUILDERS = ['buildx', 'docker', 'podman', 'buildah'] as const
export type BuilderName = (typeof BUILDERS)[number]

/** A program that builds images on this machine. */
export interface Builder {
  name: BuilderName
  version: string
  /** The same context gives the same image. */
  isReproducible: boolean
}

const ASK: Record<BuilderName, string[]> = {
  buildx: ['docker', 'buildx', 'inspect'],
  docker: ['docker', 'version', '--format', '{{.Server.Version}}'],
  podman: ['podman', '--version'],
  buildah: ['buildah', '--version'],
}

/**
 * The builder of that name, or the first that is there. Throws `no-engine` where none is, and `bad-option`
 * for a name that none has.
 */
export async function findBuilder(wanted?: string): Promise<Builder> {
  if (wanted !== undefined && !isBuilder(wanted))
    throw new CloisterError('bad-option', `${wanted.slice(0, 40)} is no builder.`, {
      hint: `There are ${BUILDERS.join(', ')}.`,
    })
  for (const name of wanted === undefined ? BUILDERS : [wanted]) {
    const found = await askBuilder(name)
    if (found) return found
  }
  throw new CloisterError(
    'no-engine',
    wanted === undefined
      ? 'No program that builds images is on this machine.'
      : `${wanted} is not on this machine, or does not answer.`,
    {
      hint: 'Install podman, buildah, or Docker with buildx; or name an image of a registry under "image".',
    },
  )
}

async function askBuilder(name: BuilderName): Promise<Builder | undefined> {
  const { code, out } = await runProgram(ASK[name]).catch(() => ({ code: 1, out: '' }))
  if (code !== 0 || out === '') return undefined
  if (name !== 'buildx') return { name, version: out, isReproducible: name !== 'docker' }
  // The engine's own driver writes no archives; what it builds is asked of the engine.
  const driver = /^Driver:\s*(\S+)/m.exec(out)?.[1] ?? ''
  const version = /^(?:BuildKit|Buildkit) version:\s*(\S+)/m.exec(out)?.[1] ?? ''
  return { name, version: `${driver} ${version}`.trim(), isReproducible: driver !== 'docker' }
}

function isBuilder(name: string): name is BuilderName {
  return (BUILDERS as readonly string[]).includes(name)
}
