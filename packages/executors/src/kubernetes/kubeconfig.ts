import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { promisify } from 'node:util'
import { parse } from 'yaml'
import * as z from 'zod'

/** Where the API server is found, and with what right. */
export interface ClusterPlace {
  /** A kubeconfig file; if not given, what a pod of the cluster is given. */
  kubeconfig?: string | undefined
  /** One of the file's contexts, if not its current one. */
  context?: string | undefined
}

/** How an API server is spoken to. */
export interface Access {
  server: URL
  /** What TLS is spoken with: whom to trust, and a certificate of one's own. */
  tls(): Promise<{ ca?: string | Buffer; cert?: string | Buffer; key?: string | Buffer; servername?: string }>
  /** The token of the moment. */
  token(): Promise<string | undefined>
}

/** What a pod is given by its service account. */
const ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount'
const PLUGIN_MS = 60_000
/** A plugin's answer is asked for again so long before it is over; one without an end, after an hour. */
const EARLY_MS = 60_000
const PLUGIN_LASTS_MS = 3_600_000

const text = z.string().max(1024 * 1024)
const ClusterEntry = z.object({
  server: text,
  'certificate-authority': text.optional(),
  'certificate-authority-data': text.optional(),
  'tls-server-name': text.optional(),
  'insecure-skip-tls-verify': z.literal(false).optional(),
})
const UserEntry = z.object({
  token: text.optional(),
  tokenFile: text.optional(),
  'client-certificate': text.optional(),
  'client-certificate-data': text.optional(),
  'client-key': text.optional(),
  'client-key-data': text.optional(),
  exec: z
    .object({
      apiVersion: text,
      command: text,
      args: z.array(text).max(100).nullish(),
      env: z
        .array(z.object({ name: text, value: text }))
        .max(100)
        .nullish(),
    })
    .optional(),
})
/** A kubeconfig file (client-go `clientcmd/api/v1`), what is used of it. */
const Kubeconfig = z.object({
  'current-context': text.default(''),
  clusters: z.array(z.object({ name: text, cluster: ClusterEntry })).max(1_000),
  users: z
    .array(z.object({ name: text, user: UserEntry }))
    .max(1_000)
    .default([]),
  contexts: z.array(z.object({ name: text, context: z.object({ cluster: text, user: text }) })).max(1_000),
})
/** What a plugin answers (client-go credential plugins). */
const Credential = z.object({
  status: z.object({
    expirationTimestamp: text.optional(),
    token: text.optional(),
    clientCertificateData: text.optional(),
    clientKeyData: text.optional(),
  }),
})
type Plugin = NonNullable<z.infer<typeof UserEntry>['exec']>

/** Reads how an API server is spoken to. Throws with what is wrong. */
export async function openAccess({ kubeconfig, context }: ClusterPlace): Promise<Access> {
  return kubeconfig === undefined ? accountAccess() : fileAccess(kubeconfig, context)
}

async function accountAccess(): Promise<Access> {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port = '443' } = process.env
  if (!host) throw new Error('this process is in no pod of a cluster')
  const server = new URL(`https://${host.includes(':') ? `[${host}]` : host}:${port}`)
  return {
    server,
    tls: async () => ({ ca: await readFile(`${ACCOUNT}/ca.crt`) }),
    // Kubelet puts a fresh one there before it is over.
    token: async () => (await readFile(`${ACCOUNT}/token`, 'utf8')).trim(),
  }
}

async function fileAccess(path: string, wanted: string | undefined): Promise<Access> {
  const parsed = Kubeconfig.safeParse(parse(await readFile(path, 'utf8')))
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    throw new Error(`it is wrong at ${issue?.path.join('.') || 'its root'}: ${issue?.message}`)
  }
  const { contexts, clusters, users, 'current-context': current } = parsed.data
  const name = wanted ?? current
  const found = contexts.find((one) => one.name === name)?.context
  const cluster = clusters.find((one) => one.name === found?.cluster)?.cluster
  const user = users.find((one) => one.name === found?.user)?.user ?? {}
  if (!found || !cluster) throw new Error(`it has no context ${name}, or no cluster for it`)
  const server = new URL(cluster.server)
  if (server.protocol !== 'https:') throw new Error(`${cluster.server} is not spoken to over TLS`)
  const bytes = async (data: string | undefined, file: string | undefined) =>
    data !== undefined
      ? Buffer.from(data, 'base64')
      : file === undefined
        ? undefined
        : await readFile(resolve(dirname(path), file))
  const ask = user.exec && askPlugin(user.exec, dirname(path))
  return {
    server,
    tls: async () => {
      const given = await ask?.()
      const [ca, cert, key] = await Promise.all([
        bytes(cluster['certificate-authority-data'], cluster['certificate-authority']),
        given?.clientCertificateData ?? bytes(user['client-certificate-data'], user['client-certificate']),
        given?.clientKeyData ?? bytes(user['client-key-data'], user['client-key']),
      ])
      const servername = cluster['tls-server-name']
      return {
        ...(ca && { ca }),
        ...(cert && { cert }),
        ...(key && { key }),
        ...(servername && { servername }),
      }
    },
    token: async () =>
      (await ask?.())?.token ??
      user.token ??
      (user.tokenFile && (await readFile(resolve(dirname(path), user.tokenFile), 'utf8')).trim()),
  }
}

/** Asks a credential plugin, and again when what it said is about to be over. */
function askPlugin(plugin: Plugin, cwd: string): () => Promise<z.infer<typeof Credential>['status']> {
  let last: { answer: Promise<z.infer<typeof Credential>['status']>; until: number } | undefined
  const run = async () => {
    const { command, args, env, apiVersion } = plugin
    const info = { apiVersion, kind: 'ExecCredential', spec: { interactive: false } }
    const own = Object.fromEntries((env ?? []).map(({ name, value }) => [name, value]))
    const { stdout } = await promisify(execFile)(command, args ?? [], {
      cwd,
      timeout: PLUGIN_MS,
      env: { ...process.env, ...own, KUBERNETES_EXEC_INFO: JSON.stringify(info) },
    })
    return Credential.parse(JSON.parse(stdout)).status
  }
  return () => {
    if (last && Date.now() < last.until) return last.answer
    const answer = run()
    const now = { answer, until: Date.now() + PLUGIN_MS }
    last = now
    answer.then(
      ({ expirationTimestamp }) => {
        const over = Date.parse(expirationTimestamp ?? '')
        now.until = Number.isFinite(over) ? over - EARLY_MS : Date.now() + PLUGIN_LASTS_MS
      },
      () => {
        if (last === now) last = undefined
      },
    )
    return answer
  }
}
