import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { CloisterError } from '@cloister/core'

/** Where S3-compatible storage is, and who asks it. */
export interface AwsSettings {
  accessKeyId: string
  secretAccessKey: string
  sessionToken?: string | undefined
  region: string
  /** Of storage that isn't Amazon's. */
  endpoint?: string | undefined
}

/**
 * What the usual variables say (`AWS_ACCESS_KEY_ID`, `AWS_REGION`, `AWS_ENDPOINT_URL_S3`, …), else the
 * profile in the usual files (`AWS_PROFILE`, `~/.aws/credentials`, `~/.aws/config`; AWS SDKs and Tools
 * Reference Guide, "Shared config and credentials files"). Throws `no-login` where nothing says who asks.
 */
export function awsSettings(environment: NodeJS.ProcessEnv = process.env): AwsSettings {
  const profile = environment['AWS_PROFILE'] ?? 'default'
  const folder = join(environment['HOME'] ?? homedir(), '.aws')
  const read = (variable: string, file: string, section: string) =>
    sectionOf(environment[variable] ?? join(folder, file), section)
  const config = read('AWS_CONFIG_FILE', 'config', profile === 'default' ? profile : `profile ${profile}`)
  const credentials = {
    ...config,
    ...read('AWS_SHARED_CREDENTIALS_FILE', 'credentials', profile),
  }
  const isGiven = environment['AWS_ACCESS_KEY_ID'] !== undefined
  const of = (variable: string, key: string) => (isGiven ? environment[variable] : credentials[key])
  const accessKeyId = of('AWS_ACCESS_KEY_ID', 'aws_access_key_id')
  const secretAccessKey = of('AWS_SECRET_ACCESS_KEY', 'aws_secret_access_key')
  if (!accessKeyId || !secretAccessKey)
    throw new CloisterError('no-login', 'Nothing says who asks the storage.', {
      hint: 'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE for one of ~/.aws/credentials.',
    })
  return {
    accessKeyId,
    secretAccessKey,
    sessionToken: of('AWS_SESSION_TOKEN', 'aws_session_token'),
    region: environment['AWS_REGION'] ?? environment['AWS_DEFAULT_REGION'] ?? config['region'] ?? 'us-east-1',
    endpoint: environment['AWS_ENDPOINT_URL_S3'] ?? environment['AWS_ENDPOINT_URL'] ?? config['endpoint_url'],
  }
}

/** Keys of one section of an INI file; none where there is no such file or section. */
function sectionOf(path: string, section: string): Record<string, string> {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch {
    return {}
  }
  const found: Record<string, string> = {}
  let isInside = false
  for (const line of text.split('\n')) {
    const head = /^\s*\[\s*([^\]]+?)\s*\]/.exec(line)?.[1]
    if (head !== undefined) isInside = head === section
    const pair = /^([a-z_]+)\s*=\s*(.*?)\s*$/.exec(line)
    if (isInside && pair) found[pair[1] ?? ''] = pair[2] ?? ''
  }
  return found
}
