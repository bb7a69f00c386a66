/** How much of the internet a lease gets. */
export interface WayOutLimits {
  /** Mebibytes per second, in each direction; what is beyond is dropped. */
  mibPerSecond: number
  /** Connections and flows open at one time. */
  connections: number
}

/**
 * Enough to fetch models and serve people, and not enough to take a machine's line or flood somebody else's.
 */
export const DEFAULT_LIMITS: WayOutLimits = { mibPerSecond: 64, connections: 1_024 }
