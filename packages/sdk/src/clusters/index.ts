/** Clusters: leases of one manifest on one private network, all or none. */
export { down } from './close.ts'
export { manifests } from './shape.ts'
export { list, show } from './status.ts'
export { up } from './up.ts'
