import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { CloisterError, messageOf } from '@cloister/core'
import { type GpuProduct, readProduct } from './product.ts'

/** A GPU of this machine. */
export interface InstalledGpu extends GpuProduct {
  /** Its place in the order of the machine's buses. */
  index: number
  /** NVIDIA's name of this one GPU: `GPU-` and a UUID. */
  uuid: string
}

const ANSWER_MS = 30_000
const MAX_ANSWER_BYTES = 1024 * 1024
const QUERY = ['--query-gpu=index,uuid,memory.total,name', '--format=csv,noheader,nounits']

/**
 * The GPUs that NVIDIA's driver reports of this machine; undefined where its `nvidia-smi` isn't installed.
 * Throws `bad-config` where the driver doesn't answer: nothing can be lent then.
 */
export async function installedGpus(program = 'nvidia-smi'): Promise<InstalledGpu[] | undefined> {
  let printed: string
  try {
    const options = { timeout: ANSWER_MS, maxBuffer: MAX_ANSWER_BYTES }
    printed = (await promisify(execFile)(program, QUERY, options)).stdout
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new CloisterError(
      'bad-config',
      `The configuration lends GPUs, and ${program} fails on this machine: ${messageOf(cause).slice(0, 300)}`,
      { hint: 'Install the GPU driver or load it, or lend no GPUs (capacity.gpus: 0).', cause },
    )
  }
  return printed
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => readLine(program, line))
}

function readLine(program: string, line: string): InstalledGpu {
  const [, index, uuid, memoryMiB, name] =
    /^\s*(\d{1,3}), *(GPU-[0-9a-f-]{36}), *(\d{1,9}), *(\S.{0,99})$/.exec(line) ?? []
  if (index === undefined || uuid === undefined || memoryMiB === undefined || name === undefined)
    throw new CloisterError('bad-config', `${program} describes a GPU in other words: ${line.slice(0, 100)}`)
  return { index: Number(index), uuid, ...readProduct(name, Number(memoryMiB)) }
}
