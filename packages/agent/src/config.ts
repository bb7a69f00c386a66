import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { dirname, resolve } from 'node:path'
import {
  address,
  CloisterError,
  GuestKind,
  LEAST_MEMORY_MIB,
  MOST_NOTICE_MINUTES,
  parseByteValueMiB,
  parseDurationMs,
} from '@cloister/core'
import { DEFAULT_LIMITS } from '@cloister/executors'
import { everyAddress } from '@cloister/transport'
import { parse } from 'yaml'
import * as z from 'zod'

const amount = z
  .union([z.string(), z.number()])
  .transform(String)
  .refine((text) => /^\d{1,12}(\.\d{1,18})?$/.test(text), 'not a price such as 0.02')
const size = z.union([z.string(), z.number()]).transform((value, context) => {
  try {
    return parseByteValueMiB(String(value).replace(/iB$/, ''))
  } catch {
    context.addIssue({ code: 'custom', message: 'not a size such as 8GiB' })
    return z.NEVER
  }
})
const port = z.int().min(0).max(65_535)
/** A time such as 10m, held in minutes, whole ones. */
const minutes = z.string().transform((text, context) => {
  try {
    const found = parseDurationMs(text) / 60_000
    if (Number.isInteger(found) && found >= 1 && found <= MOST_NOTICE_MINUTES) return found
  } catch {
    // Told below.
  }
  context.addIssue({
    code: 'custom',
    message: 'not a time in whole minutes such as 10m or 2h, of 45 days at most',
  })
  return z.NEVER
})
const listenHost = z
  .string()
  .refine(
    (text) => isIP(text) !== 0 || /^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/.test(text),
    'not an address of this machine, such as 0.0.0.0 (IPv4 alone), :: (both) or 192.0.2.7, without brackets',
  )

/** What a server listens on and nobody connects to. */
const NOWHERE = new Set(['0.0.0.0', '[::]'])
const place = z.string().refine((text) => nodePlace(text) !== undefined, 'not a place such as 10.0.0.2:7090')

/** A name in a cluster (RFC 1123 subdomain). */
const objectName = z.string().regex(/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/, 'not a name of a cluster')
const network = z
  .string()
  .refine((text) => isNetwork(text), 'not a network such as 10.0.0.0/8 or 2001:db8::/32')

/** Prices of one token, per hour, in whole tokens as a person writes them. */
const Prices = z.strictObject({
  cpu: amount.describe('one CPU for an hour'),
  memoryGiB: amount,
  diskGiB: amount,
  /**
   * The least that a lease is opened with, whatever it costs: pays for the transactions that its end takes.
   */
  minimumDeposit: amount.default('0.01'),
  /** By GPU class, for instance `h100`. */
  gpu: z.record(z.string().regex(/^[a-z0-9._-]{1,32}$/), amount).default({}),
})

/** A provider's configuration file. Paths are relative to the file. */
const Settings = z.strictObject({
  /** Shown to tenants. */
  name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,31}$/),
  /** The network's description (network.json). */
  network: z.string(),
  /** Keeps the worker's key, its memory and its leases. */
  folder: z.string(),
  listen: z.strictObject({ host: listenHost.default(everyAddress), port }),
  /** Where tenants and gateways reach this worker. */
  endpoint: z
    .string()
    .refine((text) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol), 'not an http(s) URL')
    .refine(
      (text) => !URL.canParse(text) || !NOWHERE.has(new URL(text).hostname),
      'an address that nobody else can reach: name the one that tenants connect to',
    ),
  capacity: z.strictObject({
    cpus: z.number().positive().max(4096),
    memory: size,
    disk: size,
    gpus: z.int().min(0).max(64).default(0),
    gpuClass: z
      .string()
      .regex(/^[a-z0-9._-]{0,32}$/)
      .default(''),
  }),
  executor: z.discriminatedUnion('engine', [
    z.strictObject({ engine: z.literal('sandbox') }),
    z.strictObject({ engine: z.literal('docker'), socket: z.string().default('/var/run/docker.sock') }),
    /** All machines of a Docker Swarm, which this machine's engine manages. */
    z.strictObject({
      engine: z.literal('swarm'),
      socket: z.string().default('/var/run/docker.sock'),
      /** Encrypt what containers on different machines say to each other (IPsec). */
      encrypted: z.boolean().default(true),
      /** The other machines: each runs `cloister provider node`. */
      nodes: z
        .array(z.strictObject({ worker: address, at: place }))
        .max(256)
        .default([]),
    }),
    /** Machines of a Kubernetes cluster. */
    z.strictObject({
      engine: z.literal('kubernetes'),
      /** A kubeconfig file; if not given, the service account of the pod that the worker runs in. */
      kubeconfig: z.string().optional(),
      /** One of its contexts; its current one, if not given. */
      context: z.string().max(253).optional(),
      /** Machines that may have containers, as the cluster calls them, and the worker that each is. */
      nodes: z
        .array(z.strictObject({ name: objectName, worker: address }))
        .max(256)
        .default([]),
      /** The class of volumes; the cluster's default if not given. */
      storageClass: objectName.optional(),
      /**
       * How pods are run, for instance in machines of their own (Kata); the cluster's default if not given.
       */
      runtimeClass: objectName.optional(),
      /** A filter of system calls that is on every machine, below kubelet's folder for them. */
      seccompProfile: z
        .string()
        .regex(/^[A-Za-z0-9._/-]{1,253}$/)
        .optional(),
      /** What GPUs are called there. */
      gpuResource: z
        .string()
        .regex(/^[a-z0-9.-]{1,200}\/[A-Za-z0-9._-]{1,63}$/)
        .default('nvidia.com/gpu'),
      /** Networks from which this worker reaches containers, where it is no pod of a labelled namespace. */
      workerNetworks: z.array(network).max(64).default([]),
      /**
       * Networks that no lease reaches, beside private ones: the cluster's machines, its public addresses.
       */
      closedNetworks: z.array(network).max(256).default([]),
      /**
       * The role that this worker gives itself in each lease's namespace, where it hasn't those rights
       * anyway.
       */
      leaseRole: z.strictObject({ role: objectName, account: objectName, namespace: objectName }).optional(),
    }),
    /** A node of a Kubernetes cluster's: its kubelet runs containers, and this process proves the machine. */
    z.strictObject({ engine: z.literal('kubelet') }),
  ]),
  /** The worker whose node this machine is: it runs its containers here, and nothing else is lent. */
  manager: address.optional(),
  /** What proves the hardware; what this machine has, if not given. */
  evidence: z
    .discriminatedUnion('source', [
      z.strictObject({
        source: z.literal('tsm'),
        folder: z.string().default('/sys/kernel/config/tsm/report'),
      }),
      z.strictObject({ source: z.literal('dstack'), socket: z.string().default('/var/run/dstack.sock') }),
      /** Development networks only: a platform made of software. */
      z.strictObject({
        source: z.literal('development'),
        rootFolder: z.string().optional(),
        kind: GuestKind.default('tdx'),
      }),
      /**
       * A Nitro enclave: a program that gets user data in hexadecimal digits as its last argument and prints
       * the document in base64.
       */
      z.strictObject({ source: z.literal('nitro'), command: z.array(z.string().max(4096)).min(1).max(64) }),
    ])
    .optional(),
  /**
   * A program that makes evidence about the GPUs: gets the nonce as its last argument, prints JSON with
   * `detached_eat` and `evidences`, as nvattest does.
   */
  gpuEvidence: z.strictObject({ command: z.array(z.string().max(4096)).min(1).max(64) }).optional(),
  /** Check evidence for workers of other providers, where the guest's measurement may. */
  verifier: z.boolean().default(false),
  /**
   * The seat of the key service (0, 1 or 2) that an instance which runs here may have; none if not given. A
   * provider that had a seat can have no other one, ever.
   */
  keySeat: z.int().min(0).max(2).optional(),
  /** By token symbol. */
  prices: z.record(z.string().regex(/^[A-Z]{1,10}$/), Prices).default({}),
  /**
   * Time that tenants of reserved leases are told before the end; the market's notice period if not given. To
   * give more than that, for files that ask for more.
   */
  notice: minutes.optional(),
  /** Leases that end with less notice, for less. */
  interruptible: z
    .strictObject({
      /** Time that their tenants are told before the end. */
      notice: minutes,
      /** What they cost, in hundredths of what a reserved lease does. */
      percent: z.int().min(1).max(100),
      /**
       * What is kept free for reserved leases. Where these take of it, interruptible leases get notice, the
       * newest first, until as much is free again.
       */
      keepFree: z
        .strictObject({
          cpus: z.number().min(0).max(4096).default(0),
          memory: size.default(0),
          disk: size.default(0),
          gpus: z.int().min(0).max(64).default(0),
        })
        .optional(),
    })
    .transform(({ notice, ...rest }) => ({ noticeMinutes: notice, ...rest }))
    .optional(),
  /**
   * A program that prices orders instead: gets the order as JSON, answers `{"ratePerSecond": "12"}` or
   * `{"decline": "why"}`.
   */
  bidScript: z.string().optional(),
  /**
   * The smallest lease that is worth its upkeep: less is not bid on, and each is opened with what lasts so
   * many seconds.
   */
  smallest: z
    .strictObject({
      cpus: z.number().min(0).max(4096).default(0.05),
      memory: size
        .refine(
          (mib) => mib >= LEAST_MEMORY_MIB,
          `no container starts with less than ${LEAST_MEMORY_MIB} MiB`,
        )
        .default(32),
      seconds: z.int().min(0).max(2_592_000).default(3600),
    })
    .prefault({}),
  /** What manifests may ask of a worker. */
  attributes: z.record(z.string().max(64), z.string().max(255)).default({}),
  images: z
    .strictObject({
      /** OCI layout folders that are looked at before any registry. */
      layouts: z.array(z.string()).default([]),
      /** Registries (host:port) that may be spoken to without TLS. */
      trustedRegistries: z.array(z.string()).default([]),
      /** Unpacked images; several workers of one machine may share it. */
      folder: z.string().optional(),
    })
    .prefault({}),
  /** What services get of the internet. They never reach private networks or this machine. */
  internet: z
    .strictObject({
      /** Nobody gets out, if false. */
      allow: z.boolean().default(true),
      /** For a lease, in each direction. */
      mibPerSecond: z.int().min(1).max(100_000).default(DEFAULT_LIMITS.mibPerSecond),
      /** Connections of a lease at one time. */
      connections: z.int().min(1).max(65_535).default(DEFAULT_LIMITS.connections),
    })
    .prefault({}),
  /** Tunnels of private networks that UDP doesn't reach the other end of, over this worker's own port. */
  relay: z
    .strictObject({
      allow: z.boolean().default(true),
      /** That they bring a lease, all together. */
      mibPerSecond: z.int().min(1).max(10_000).default(16),
    })
    .prefault({}),
  /** Ports of this machine lent to services that open TCP or UDP ports to the outside. */
  tcpPorts: z.strictObject({ first: port, last: port }).prefault({ first: 30_000, last: 30_999 }),
  /** Tenants' own domains. */
  domains: z
    .strictObject({
      /** Who certifies them, by ACME (RFC 8555). Without it the worker takes no manifests with domains. */
      acme: z
        .strictObject({
          /** Its directory, such as https://acme-v02.api.letsencrypt.org/directory. */
          directory: z.url({ protocol: /^https$/ }),
          /** Whom it writes to about certificates. */
          contact: z
            .array(z.string().regex(/^mailto:[^\s,]{3,200}$/))
            .max(4)
            .default([]),
          /** You have read its terms and agree to them. */
          agreesToTerms: z.literal(true),
          /** Whom to trust when it is spoken to, in place of the system's authorities: a file, PEM. */
          roots: z.string().optional(),
        })
        .optional(),
      /** Name servers to ask whose a domain is, in place of the system's. */
      nameServers: z.array(z.string().max(64)).max(8).default([]),
    })
    .prefault({}),
  /** Seconds between two collections of what was earned. */
  settleEverySeconds: z.int().min(10).max(86_400).default(3600),
  /**
   * Gas in a day that the worker spends on transactions of what runs in leases: claims of vouchers, draws,
   * roots of receipts.
   */
  transactions: z
    .strictObject({
      /** For one lease. */
      gasPerLease: z.int().min(0).max(1e12).default(20_000_000),
      /** For all leases together. */
      gasPerDay: z.int().min(0).max(1e12).default(60_000_000),
    })
    .transform(({ gasPerLease, gasPerDay }) => ({ perLease: gasPerLease, perDay: gasPerDay }))
    .prefault({}),
  /** When the worker claims emission for its provider, out of its own gas; the tokens go to the provider. */
  rewards: z
    .strictObject({
      claim: z.boolean().default(true),
      /** What an ether is worth in CLOI, to tell whether a claim pays. */
      cloiPerEther: z.number().positive().max(1e12).default(10_000),
      /** How many times its gas a claim has to bring. */
      timesGas: z.int().min(1).max(1_000_000).default(20),
    })
    .prefault({}),
  /** Seconds a bid can be taken. */
  bidSeconds: z.int().min(10).max(3600).default(120),
})

/** As they are held: in units that names say. */
const AgentConfig = Settings.transform(({ notice, ...rest }) => ({
  ...rest,
  ...(notice !== undefined && { noticeMinutes: notice }),
}))

/** Host and port of a node's door, as they are written: `host:port` or `[address]:port`. */
export function nodePlace(text: string): { host: string; port: number } | undefined {
  const [, bracketed, plain, port] = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9.-]+)):(\d{1,5})$/i.exec(text) ?? []
  const host = bracketed ?? plain
  return host === undefined || Number(port) > 65_535 ? undefined : { host, port: Number(port) }
}

export type AgentConfig = z.infer<typeof AgentConfig>

/** Reads a configuration file. Throws `bad-config` naming the field, what was found and what would do. */
export function loadAgentConfig(path: string): AgentConfig {
  let value: unknown
  try {
    value = parse(readFileSync(path, 'utf8'))
  } catch (cause) {
    const isMissing = (cause as NodeJS.ErrnoException).code === 'ENOENT'
    throw new CloisterError(
      'bad-config',
      isMissing ? `There is no file ${path}.` : `${path} can not be read as YAML.`,
      {
        hint: { do: 'register-worker' },
        cause,
      },
    )
  }
  const parsed = AgentConfig.safeParse(value)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    throw new CloisterError(
      'bad-config',
      `${path} is wrong at ${issue?.path.join('.') || 'its root'}: ${issue?.message}.`,
    )
  }
  const from = (relative: string) => resolve(dirname(path), relative)
  const config = parsed.data
  checkMachines(path, config)
  return {
    ...config,
    network: from(config.network),
    folder: from(config.folder),
    ...(config.executor.engine === 'kubernetes' &&
      config.executor.kubeconfig !== undefined && {
        executor: { ...config.executor, kubeconfig: from(config.executor.kubeconfig) },
      }),
    ...(config.evidence?.source === 'development' &&
      config.evidence.rootFolder !== undefined && {
        evidence: { ...config.evidence, rootFolder: from(config.evidence.rootFolder) },
      }),
    ...(config.domains.acme?.roots !== undefined && {
      domains: {
        ...config.domains,
        acme: { ...config.domains.acme, roots: from(config.domains.acme.roots) },
      },
    }),
    ...(config.bidScript !== undefined && { bidScript: from(config.bidScript) }),
    images: {
      ...config.images,
      layouts: config.images.layouts.map(from),
      ...(config.images.folder !== undefined && { folder: from(config.images.folder) }),
    },
  }
}

/** Whether a text is a network: an address, and how many of its bits are the network's (RFC 4632). */
function isNetwork(text: string): boolean {
  const [, host = '', bits] = /^([0-9a-fA-F.:]{2,45})\/(\d{1,3})$/.exec(text) ?? []
  const version = isIP(host)
  return version !== 0 && Number(bits) <= (version === 4 ? 32 : 128)
}

/** Throws `bad-config` for what machines of a Swarm or a cluster can't be told. */
function checkMachines(path: string, { manager, executor, capacity }: AgentConfig): void {
  const wrong =
    manager !== undefined && executor.engine !== 'docker' && executor.engine !== 'kubelet'
      ? 'executor.engine: a node, which has a `manager`, takes docker, or kubelet in a cluster'
      : manager === undefined && executor.engine === 'kubelet'
        ? 'executor.engine: kubelet is for a node, which has a `manager`'
        : executor.engine === 'swarm' && capacity.gpus > 0
          ? 'capacity.gpus: the machines of a Swarm lend no GPUs; each that has some is a worker of its own'
          : undefined
  if (wrong !== undefined) throw new CloisterError('bad-config', `${path} is wrong at ${wrong}.`)
}
