/** Private networks of one account's leases. */
export { list, show } from './networks.ts'
