/** How much a line of the log matters. */
export type LogLevel = 'info' | 'warn' | 'error'

/** Takes lines of a daemon's log. Fields never hold secrets. */
export type Log = (level: LogLevel, message: string, fields?: Record<string, unknown>) => void

/** Writes one line of JSON per entry; control characters can't break out of it. */
export function jsonLog(
  name: string,
  write: (line: string) => void = (line) => process.stdout.write(line),
): Log {
  return (level, message, fields = {}) =>
    write(`${JSON.stringify({ time: new Date().toISOString(), level, name, message, ...fields })}\n`)
}
