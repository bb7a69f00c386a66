import { existsSync } from 'node:fs'
import { SEARCH_PATH } from '../sandbox/run.ts'

/** A network of a lease's that tunnels of a private network can end in. */
export interface NetworkPlace {
  /** A container's name, or empty where all of the lease share one. */
  name: string
  /** Containers that are reached there. */
  containers: string[]
  /** A process in it; it goes with the network. */
  pid: number
  /** `command` so that it runs within the lease's own limits. */
  charged(command: string[]): string[]
}

/** What an engine does for private networks. */
export interface PrivateNetworks {
  /** The networks that a lease's running containers are in. */
  places(lease: string): Promise<NetworkPlace[]>
  /**
   * Puts lines into /etc/hosts of a lease's running containers, in place of those that were put there
   * before.
   */
  setHosts(lease: string, lines: readonly string[]): Promise<void>
}

const PROGRAMS = ['wireguard-go', 'ip', 'nft', 'nsenter']

/** Whether this machine has what private networks take. */
export function canTunnel(): boolean {
  const isThere = (program: string) =>
    SEARCH_PATH.split(':').some((folder) => existsSync(`${folder}/${program}`))
  return process.getuid?.() === 0 && existsSync('/dev/net/tun') && PROGRAMS.every(isThere)
}
