/** How many pools are shown unless all are asked for. */
export const POOLS_SHOWN = 25
