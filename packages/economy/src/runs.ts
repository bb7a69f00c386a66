/** A whole number for each epoch: mostly the same for long, so kept as runs. Epochs outside have 0. */
export class Runs {
  /** Ascending, without gaps inside a run and without overlaps. */
  private runs: { from: number; to: number; value: number }[] = []

  /** Adds `delta` to epochs [from, to). */
  add(from: number, to: number, delta: number): void {
    if (from >= to || delta === 0) return
    // What changes is nearly always at the end.
    let first = this.runs.length
    while (first > 0 && (this.runs[first - 1]?.to ?? 0) > from) first--
    const touched = this.runs.splice(first)
    let at = from
    for (const run of touched) {
      if (at < to && at < run.from) this.push(at, Math.min(to, run.from), delta)
      this.push(run.from, Math.min(run.to, from), run.value)
      const [start, end] = [Math.max(run.from, from), Math.min(run.to, to)]
      this.push(start, end, run.value + delta)
      this.push(Math.max(run.from, to), run.to, run.value)
      at = Math.max(at, run.to)
    }
    if (at < to) this.push(at, to, delta)
  }

  /** The number of one epoch. */
  at(epoch: number): number {
    for (let i = this.runs.length - 1; i >= 0; i--) {
      const run = this.runs[i]
      if (run && run.from <= epoch) return epoch < run.to ? run.value : 0
    }
    return 0
  }

  /** Runs that aren't 0 within [from, to), cut to it. */
  *within(from: number, to: number): Generator<{ from: number; to: number; value: number }> {
    let first = this.runs.length
    while (first > 0 && (this.runs[first - 1]?.to ?? 0) > from) first--
    for (const run of this.runs.slice(first)) {
      if (run.from >= to) return
      yield { from: Math.max(run.from, from), to: Math.min(run.to, to), value: run.value }
    }
  }

  private push(from: number, to: number, value: number): void {
    if (from >= to || value === 0) return
    const last = this.runs.at(-1)
    if (last && last.to === from && last.value === value) last.to = to
    else this.runs.push({ from, to, value })
  }
}
