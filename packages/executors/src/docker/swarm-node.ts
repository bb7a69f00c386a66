import { execFile } from 'node:child_process'
import type { Readable } from 'node:stream'
import { CloisterError } from '@cloister/core'
import { unavailable } from '@cloister/images'
import type Docker from 'dockerode'
import type { Image } from '../executor.ts'
import type { NodeFacts } from '../swarm/node-engine.ts'
import { ensurePauseImage } from '../swarm/pause-image.ts'
import { statusOf } from './failures.ts'
import { localTag } from './pull.ts'

let encrypts: Promise<boolean> | undefined

/** What a machine's engine is to a Swarm. */
export async function factsOf(docker: Docker): Promise<NodeFacts> {
  const { Swarm } = (await docker.info()) as { Swarm?: { NodeID?: string } }
  await ensurePauseImage(docker)
  encrypts ??= canEncrypt()
  return { node: Swarm?.NodeID || undefined, canEncrypt: await encrypts }
}

/** The engine's id of the container whose network a container shares; undefined where it has its own. */
export function networkOwner({ NetworkMode = '' }: { NetworkMode?: string | undefined }): string | undefined {
  return NetworkMode.startsWith('container:') ? NetworkMode.slice('container:'.length) : undefined
}

/**
 * Has a container in a network besides those that it is in. Throws where it lacks one of `labels`: then it is
 * somebody else's, whose network nobody may share.
 */
export async function joinNetwork(
  docker: Docker,
  network: string,
  container: string,
  labels: Readonly<Record<string, string>>,
): Promise<void> {
  const { NetworkSettings, Config } = await docker.getContainer(container).inspect()
  if (Object.entries(labels).some(([name, value]) => Config.Labels?.[name] !== value))
    throw new CloisterError('start-failed', `The container ${container.slice(0, 12)} is not of this lease.`)
  if (NetworkSettings.Networks[network]) return
  await docker
    .getNetwork(network)
    .connect({ Container: container })
    .catch((error) => {
      // Another that starts in the same network was faster.
      if (statusOf(error) !== 403) throw error
    })
}

/** An image as an archive that any engine takes. */
export async function exportImage(docker: Docker, reference: string, image: Image): Promise<Readable> {
  const tag = localTag(image.digest)
  const [repo = '', name = ''] = tag.split(':')
  await docker
    .getImage(reference)
    .tag({ repo, tag: name })
    .catch((cause) => {
      throw new CloisterError('image-unavailable', `${image.reference} is not on this machine any more.`, {
        cause,
      })
    })
  return (await docker.getImage(tag).get()) as Readable
}

/** Takes an image that another engine exported. */
export async function importImage(docker: Docker, archive: Readable): Promise<void> {
  const response = await docker.loadImage(archive)
  for await (const chunk of response)
    if (/"error"/.test(String(chunk)))
      throw unavailable(`the node's engine can't load it: ${String(chunk).slice(0, 200)}`)
}

/** Addresses for documentation (RFC 5737), which no machine has. */
const NOWHERE = ['src', '192.0.2.1', 'dst', '192.0.2.2', 'proto', 'esp', 'spi', '0xc1015']
const AEAD = ['aead', 'rfc4106(gcm(aes))', `0x${'00'.repeat(20)}`, '64']

/** Whether the kernel takes a key of IPsec as Docker gives it (libnetwork, overlay/encryption.go). */
async function canEncrypt(): Promise<boolean> {
  const isTaken = await ipXfrm('add', ...NOWHERE, 'mode', 'transport', ...AEAD)
  if (isTaken) await ipXfrm('delete', ...NOWHERE)
  return isTaken
}

function ipXfrm(...args: string[]): Promise<boolean> {
  const env = { PATH: `${process.env['PATH']}:/usr/sbin:/sbin` }
  return new Promise((resolve) =>
    execFile('ip', ['xfrm', 'state', ...args], { env, timeout: 5_000 }, (error) => resolve(error === null)),
  )
}
