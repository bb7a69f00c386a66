const FACTORS: Record<string, number> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
}

/** Thousandths of a CPU in a quantity of Kubernetes' (`resource.Quantity`); 0 for what is none. */
export function milliOf(quantity: unknown): number {
  return Math.floor(amountOf(quantity) * 1000 + 1e-6)
}

/** Bytes in a quantity; 0 for what is none. */
export function bytesOf(quantity: unknown): number {
  return Math.floor(amountOf(quantity))
}

function amountOf(quantity: unknown): number {
  const [, number, unit = ''] =
    /^(\d{1,20}(?:\.\d{0,12})?(?:[eE]\d{1,2})?)([a-zA-Z]{0,2})$/.exec(String(quantity ?? '')) ?? []
  const factor = FACTORS[unit]
  return number === undefined || factor === undefined ? 0 : Number(number) * factor
}
