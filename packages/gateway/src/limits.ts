import { type AddressLimitSettings, AddressLimits } from '@cloister/transport'

/** What one address may ask of a gateway. */
const PUBLIC: AddressLimitSettings = {
  requestsPerSecond: 100,
  burst: 500,
  connectionsPerAddress: 200,
  connections: 20_000,
}
/** On a development network everybody has one address. */
const DEVELOPMENT: AddressLimitSettings = {
  requestsPerSecond: Number.POSITIVE_INFINITY,
  burst: 1,
  connectionsPerAddress: 10_000,
  connections: 20_000,
}

/** The limits of a gateway; what is in `settings` goes before what is usual. */
export function gatewayLimits(
  isDevelopment: boolean,
  settings: Partial<AddressLimitSettings> = {},
): AddressLimits {
  return new AddressLimits({ ...(isDevelopment ? DEVELOPMENT : PUBLIC), ...settings })
}
