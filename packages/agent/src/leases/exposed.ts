import { type Exposure, hostLabel, type Manifest } from '@cloister/core'

/**
 * Where a request for a label goes: a service's name, its name with a port, or nothing for the lease's front
 * door.
 */
export interface Exposed {
  service: string
  port: number
  /** As host name: `<lease>-<label>.<domain>`. */
  label: string
  /** How requests are passed on, where the manifest says so. */
  http: Exposure['http']
  /** Of the tenant's own. */
  domains?: readonly string[] | undefined
}

/** The HTTP ports a manifest opens to the outside; the first is the front door, which the manifest names. */
export function exposedHttp(manifest: Manifest): Exposed[] {
  const all = Object.entries(manifest.services).flatMap(([service, { expose }]) =>
    expose
      .filter((port) => port.protocol === 'http' && port.global)
      .map(({ port, as, http, domains }, index) => ({
        service,
        port,
        label: index === 0 ? hostLabel(service) : `${hostLabel(service)}-${as}`,
        http,
        ...(domains && { domains }),
      })),
  )
  const isFront = ({ service, port }: Exposed) =>
    service === manifest.front?.service && port === manifest.front.port
  return [...all.filter(isFront), ...all.filter((exposed) => !isFront(exposed))]
}

/** The TCP and UDP ports that a manifest opens to the outside and that are reached at ports of the worker. */
export function exposedPorts(
  manifest: Manifest,
): { service: string; port: number; protocol: 'tcp' | 'udp'; proxy?: 'v1' | 'v2' | undefined }[] {
  return Object.entries(manifest.services).flatMap(([service, { expose }]) =>
    expose.flatMap(({ port, protocol, global, proxy }) =>
      global && protocol !== 'http' ? [{ service, port, protocol, ...(proxy && { proxy }) }] : [],
    ),
  )
}
