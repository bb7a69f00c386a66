/** Milliseconds that anything which is asked for an operator may take. */
const PATIENCE_MS = 5_000

/** What a promise gives. Rejects once 5 seconds are over; what it stands for goes on. */
export async function patiently<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('What it depends on did not answer in time.')), PATIENCE_MS)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
