import { ManifestError } from './field.ts'

/**
 * Reads `NAME=value` lines as Compose's env_file does: `#` comments, optional `export`, single quotes literal, double
 * quotes with \n, \t, \", \\. Throws a ManifestError with the line.
 */
export function parseDotenv(file: string, text: string): Record<string, string> {
  const env: Record<string, string> = {}
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.trim()
    if (line === '' || line.startsWith('#')) continue
    const match = /^(?:export\s+)?([A-Za-z_][A-Za-z0-9_.-]*)\s*(?:=\s*(.*))?$/.exec(line)
    if (!match || match[1] === '__proto__')
      throw new ManifestError('bad-file', { file, line: index + 1, field: '' }, `found ${JSON.stringify(line.slice(0, 60))}`, 'Expected NAME=value.')
    env[match[1] ?? ''] = unquote(match[2] ?? '')
  }
  return env
}

function unquote(value: string): string {
  const single = /^'([^']*)'\s*(#.*)?$/.exec(value)
  if (single) return single[1] ?? ''
  const double = /^"((?:[^"\\]|\\.)*)"\s*(#.*)?$/.exec(value)
  if (double) return (double[1] ?? '').replace(/\\(.)/g, (_, c: string) => ({ n: '\n', t: '\t', r: '\r' })[c] ?? c)
  return value.replace(/\s+#.*$/, '')
}
