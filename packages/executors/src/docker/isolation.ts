import type { Isolation } from '../executor.ts'

/** What an engine keeps apart, in words; `isFiltered`: this process filters what its bridges pass on. */
export function isolationOf(engine: { podman: boolean; version: string }, isFiltered: boolean): Isolation {
  return {
    engine: `${engine.podman ? 'Podman' : 'Docker'} ${engine.version}`,
    enforced: [
      'cpu',
      'memory',
      'processes',
      'disk (by watching)',
      'seccomp',
      'no new privileges',
      'capabilities',
      'network per lease',
      ...(isFiltered ? ["no way to the host, to other leases or to the provider's networks"] : []),
    ],
    missing: [
      "the host's kernel is shared",
      'a disk limit by the kernel: disks are watched',
      'what the kernel counts by user (watches of files, terminals, queued signals) is shared with the host and with other leases',
      ...(isFiltered
        ? []
        : ['no way out to the internet, and containers reach the host: filters need root and nftables']),
    ],
  }
}
