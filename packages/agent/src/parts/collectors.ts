import type { MakePart } from './part.ts'

/** Sends logs and metrics of leases where their tenants want them. */
export const collectorsPart: MakePart = ({ collecting }) => ({
  name: 'collectors',
  start: (signal) => collecting.run(signal),
})
