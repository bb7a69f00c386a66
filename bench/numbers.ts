/** The middle of some numbers, and the one that 90 of 100 are below. */
export function spread(values: number[]): { median: number; p90: number } {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (share: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN
  return { median: at(0.5), p90: at(0.9) }
}

export function ms(value: number): string {
  return `${value.toFixed(value < 10 ? 1 : 0)} ms`
}

export function times(ours: number, peer: number): string {
  return `${(ours / peer).toFixed(2)} ×`
}
