import { CloisterError } from '@cloister/core/errors'
import type { ContainerSpec } from '../executor.ts'

/**
 * Refuses paths that would be read otherwise than they were written, or hide what a container is kept with.
 */
export function checkPaths({ mounts, tmpfs, files, workingDir, env, argv, hostname }: ContainerSpec): void {
  const paths = [...mounts, ...tmpfs, ...files].map(({ path }) => path)
  for (const path of [...paths, workingDir])
    if (!path.startsWith('/') || hasControls(path) || path.split('/').includes('..'))
      throw new CloisterError('start-failed', `${JSON.stringify(path)} is no plain absolute path.`)
  for (const path of paths)
    if (/^\/+(proc|sys|dev)(\/|$)/.test(path) && !/^\/dev\/shm(\/|$)/.test(path))
      throw new CloisterError(
        'start-failed',
        `Nothing can be mounted at ${path}: /proc, /sys and /dev are the sandbox's.`,
      )
  // Where a container begins is its own root, never what a descriptor of the runtime's leads to
  // (CVE-2024-21626).
  if (/^\/+proc(\/|$)/.test(workingDir))
    throw new CloisterError('start-failed', `Nothing can be started in ${workingDir}.`)
  for (const { volume } of mounts as ContainerSpec['mounts'])
    if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/.test(volume) || hasControls(volume))
      throw new CloisterError('start-failed', `${volume} is no volume's name.`)
  for (const text of [...Object.entries(env).flat(), ...argv, hostname])
    if (text.includes('\0'))
      throw new CloisterError('start-failed', 'A text of the container has a zero byte in it.')
}

function hasControls(text: string): boolean {
  return Array.from(text).some((character) => character < ' ' || character === '\x7f')
}
