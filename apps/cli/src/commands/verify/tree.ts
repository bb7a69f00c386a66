import { paint, printable } from '@cloister/terminal'
import type { BundleVerdict } from '@cloister/verify'

/** The checks as a tree: what was compared, what was found, and where the rule comes from. */
export function* treeOf(groups: BundleVerdict['groups']): Generator<string> {
  for (const { title, checks } of groups) {
    const ok = checks.length > 0 && checks.every((check) => check.ok)
    yield `${mark(ok)} ${paint('bold', printable(title))}`
    for (const [index, check] of checks.entries()) {
      const branch = index === checks.length - 1 ? '└' : '├'
      const compared = check.ok
        ? shortened(check.found)
        : [
            shortened(check.found),
            check.expected === undefined ? '' : `expected ${shortened(check.expected)}`,
          ]
            .filter(Boolean)
            .join('; ')
      yield `  ${paint('dim', branch)} ${mark(check.ok)} ${printable(check.title)}${compared ? `: ${paint(check.ok ? 'dim' : 'red', compared)}` : ''} ${paint('dim', `(${check.source})`)}`
    }
  }
}

function mark(ok: boolean): string {
  return ok ? paint('green', '✔') : paint('red', '✘')
}

function shortened(text: string | undefined): string {
  if (text === undefined) return ''
  const clean = printable(text)
  return clean.length > 90 ? `${clean.slice(0, 44)}…${clean.slice(-44)}` : clean
}
