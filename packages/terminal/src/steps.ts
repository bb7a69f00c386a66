import { note, paint, printable, setLive } from './print.ts'

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏']
const FRAME_MS = 80

/**
 * Steps of long work on standard error: what is happening, how long so far, and a line for each that is
 * done.
 */
export class Steps {
  private current: { name: string; detail: string; began: number } | undefined
  private timer: NodeJS.Timeout | undefined
  private readonly live = process.stderr.isTTY
  private readonly silent: boolean

  constructor(silent: boolean) {
    this.silent = silent
  }

  /** Begins a step, or says more about the one that runs. */
  begin(name: string, detail = ''): void {
    if (this.silent) return
    if (this.current?.name === printable(name)) {
      this.current.detail = detail
      return
    }
    this.done()
    this.current = { name: printable(name), detail, began: performance.now() }
    if (!this.live) return
    setLive(() => this.clear())
    this.timer ??= setInterval(() => this.draw(), FRAME_MS)
  }

  /** Ends the step that runs. */
  done(): void {
    this.end(paint('green', '✔', process.stderr))
  }

  /** Ends the step that runs, badly. */
  fail(): void {
    this.end(paint('red', '✘', process.stderr))
  }

  /** Ends the step that runs as `work` ends. */
  async until<T>(work: Promise<T>): Promise<T> {
    try {
      const result = await work
      this.done()
      return result
    } catch (error) {
      this.fail()
      throw error
    }
  }

  private end(mark: string): void {
    if (this.timer) clearInterval(this.timer)
    this.timer = undefined
    if (!this.current) return
    const { name, began } = this.current
    this.current = undefined
    this.clear()
    setLive(undefined)
    note(`${mark} ${name.padEnd(12)} ${seconds(began)}`)
  }

  private clear(): void {
    if (this.live) process.stderr.write('\r\x1b[K')
  }

  private draw(): void {
    if (!this.current) return
    const { name, detail, began } = this.current
    const frame = FRAMES[Math.floor(performance.now() / FRAME_MS) % FRAMES.length]
    process.stderr.write(
      `\r\x1b[K${frame} ${name.padEnd(12)} ${seconds(began)}  ${paint('dim', printable(detail), process.stderr)}`,
    )
  }
}

function seconds(began: number): string {
  return `${((performance.now() - began) / 1000).toFixed(2).padStart(6)} s`
}
