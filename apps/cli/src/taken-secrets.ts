import type { ParsedManifest } from '@cloister/core'
import type { Taking } from './permissions.ts'

/** Names under which people keep secrets in their environment. */
const SECRET =
  /(?:^|_|[a-z])(?:TOKEN|SECRET|PASSWORD|PASSWD|PASS|PASSPHRASE|MNEMONIC|CREDENTIAL|AUTH|KEY|PAT)S?(?:_|$)/i

/**
 * Secrets of the environment that go into a manifest: without them, it is another one or none at all.
 * `parse` reads the file with some variables of the environment left out.
 */
export function secretsTaken(
  parsed: ParsedManifest,
  parse: (without: readonly string[]) => ParsedManifest,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Taking[] {
  const secrets = Object.keys(environment).filter((name) => environment[name] && SECRET.test(name))
  const whole = contentOf(parsed)
  const isSame = (without: readonly string[]) => {
    try {
      return contentOf(parse(without)) === whole
    } catch {
      return false
    }
  }
  if (secrets.length === 0 || isSame(secrets)) return []
  const others: string[] = []
  return secrets.flatMap((name) => {
    if (!isSame([...others, name]))
      return [{ permission: `env=${name}`, what: `takes the variable ${name} of your environment` }]
    others.push(name)
    return []
  })
}

/** All that leaves this machine of what was read. */
function contentOf({ manifest, wishes, logins, sealedFiles }: ParsedManifest): string {
  const sealed = Object.entries(sealedFiles).map(([name, bytes]) => [
    name,
    Buffer.from(bytes).toString('base64'),
  ])
  return JSON.stringify([manifest, wishes, logins, sealed], (_key, value) =>
    typeof value === 'bigint' ? `${value}` : value,
  )
}
