import { CloisterError, parseImageReference } from '@cloister/core'
import { RegistrySource } from '@cloister/executors'
import { readEnvironment } from './environment.ts'

/** Variables of compose.yaml, and the repositories that their images come from. */
export const IMAGES = {
  OP_GETH_IMAGE: 'us-docker.pkg.dev/oplabs-tools-artifacts/images/op-geth',
  OP_NODE_IMAGE: 'us-docker.pkg.dev/oplabs-tools-artifacts/images/op-node',
  OP_BATCHER_IMAGE: 'us-docker.pkg.dev/oplabs-tools-artifacts/images/op-batcher',
  OP_SUCCINCT_IMAGE: 'ghcr.io/succinctlabs/op-succinct/op-succinct',
  POSTGRES_IMAGE: 'docker.io/library/postgres',
  PROMETHEUS_IMAGE: 'docker.io/prom/prometheus',
} as const

const PINNED = /^[a-z0-9][a-z0-9._:/-]{1,250}@sha256:[0-9a-f]{64}$/

/** Says of images.env which images lack, or are named by something that can be moved. */
export function unpinned(text: string): string[] {
  const given = readEnvironment(text)
  return Object.entries(IMAGES).flatMap(([variable, repository]) => {
    const image = given.get(variable)
    if (image === undefined || image === '') return [`${variable} is missing: ${repository}@sha256:…`]
    return PINNED.test(image)
      ? []
      : [`${variable} is ${JSON.stringify(image.slice(0, 200))}, and not a digest`]
  })
}

/**
 * Asks registries what tags are now, and gives images.env. `tags` by variable; `repositories` are other
 * places for the images. The digest is that of the bytes that came. Throws `bad-option`, and what registries
 * answer.
 */
export async function pinImages(
  tags: Readonly<Record<string, string>>,
  repositories: Readonly<Record<string, string>> = IMAGES,
  trusted: readonly string[] = [],
): Promise<string> {
  const lines: string[] = []
  for (const [variable, repository] of Object.entries(repositories)) {
    const tag = tags[variable]
    if (tag === undefined || !/^\w[\w.-]{0,127}$/.test(tag) || tag === 'latest')
      throw new CloisterError(
        'bad-option',
        `Say which version ${variable} is: ${variable}=v1.2.3, of ${repository}.`,
      )
    const source = new RegistrySource(parseImageReference(`${repository}:${tag}`), undefined, trusted)
    try {
      const { digest } = await source.document(tag)
      lines.push(`# ${repository}:${tag}`, `${variable}=${repository}@${digest}`)
    } finally {
      source.close()
    }
  }
  return `${lines.join('\n')}\n`
}
