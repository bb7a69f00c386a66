import { readFileSync } from 'node:fs'
import { addLayer, type LayerEntry } from '@cloister/development/engines'

/** An image's name, and where its volume is, of the images that `buildHostileImages` makes. */
export const HOSTILE = {
  main: 'cloister/escape:1',
  links: 'cloister/escape-links:1',
  system: 'cloister/escape-system:1',
  volume: '/image-volume',
} as const

/**
 * Numbers of descriptors that runtimes have had open on the host when they began a container
 * (CVE-2024-21626).
 */
export const DESCRIPTORS = [7, 8]

/**
 * Adds to a layout that has the image `base` those that strangers may hand a worker: `main`, which runs,
 * with devices of the host's, a set-user-id program, and folders that are links to descriptors; `links`, in
 * which what engines write is links to `outside`, a folder of the host's; and `system`, where the system's
 * own folders are.
 */
export async function buildHostileImages(
  layout: string,
  base: string,
  outside: string,
  disk: number,
): Promise<void> {
  const up = '../'.repeat(16)
  const link = (path: string, to: string): LayerEntry => ({ path, type: 'SymbolicLink', link: to })
  const node = (
    path: string,
    type: 'CharacterDevice' | 'BlockDevice',
    device: [number, number],
  ): LayerEntry => ({ path, type, device, mode: 0o666 })
  const main: LayerEntry[] = [
    { path: 'image-devices/', type: 'Directory' },
    node('image-devices/mem', 'CharacterDevice', [1, 1]),
    node('image-devices/disk', 'BlockDevice', [disk >> 8, disk & 0xff]),
    { path: 'image-setuid/', type: 'Directory' },
    { path: 'image-setuid/perl', type: 'File', mode: 0o4755, body: readFileSync('/usr/bin/perl') },
    { path: 'image-setuid/again', type: 'Link', link: 'image-setuid/perl' },
    { path: 'fds/', type: 'Directory' },
    ...DESCRIPTORS.map((number) => link(`fds/${number}`, `/proc/self/fd/${number}`)),
    link('up', up),
    link('host-root', '/proc/1/root'),
  ]
  await addLayer(layout, base, HOSTILE.main, main, { Volumes: { [HOSTILE.volume]: {} } })
  const written = ['etc/hosts', 'etc/resolv.conf', 'etc/hostname', 'etc/mtab']
  await addLayer(
    layout,
    base,
    HOSTILE.links,
    [
      ...written.map((path) => link(path, `${up.slice(0, -1)}${outside}/${path.replace('/', '-')}`)),
      link('out', `${up.slice(0, -1)}${outside}`),
      link('away', outside),
    ],
    { Volumes: { '/out/volume': {}, '/away/volume': {} }, WorkingDir: '/out/work' },
  )
  await addLayer(layout, base, HOSTILE.system, [
    link('proc', 'out/proc'),
    link('sys', `${up.slice(0, -1)}${outside}`),
    link('dev', outside),
    link('out', outside),
  ])
}
