import Docker from 'dockerode'
import { ensurePauseImage } from '../swarm/pause-image.ts'

/** Brings an image that does nothing to the engine behind a socket, for kubelet. Gives its name. */
export async function preparePause(socketPath: string): Promise<string> {
  await ensurePauseImage(new Docker({ socketPath }))
  return 'cloister.local/pause:1'
}
