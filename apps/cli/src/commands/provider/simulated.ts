import type { OpenSource } from '@cloister/agent'

/** Simulated machines, loaded for workers of development networks alone. */
export const openSimulated: OpenSource = async (config, network) => {
  if (!network.development) return undefined
  const { openDevelopmentSource } = await import('@cloister/development/evidence')
  return openDevelopmentSource(config, network)
}
