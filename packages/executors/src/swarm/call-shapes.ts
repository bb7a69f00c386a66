import { CAPABILITIES, CONTAINER_PATH, checkRequest, isOwnSysctl } from '@cloister/core'
import * as z from 'zod'
import type { ContainerSpec } from '../executor.ts'

/** Files and folders that come along with one container. */
const MOST_ATTACHED = 2_048
const MOST_BYTES_OF_TEXT = 1024 * 1024
/** Numbers of users and groups have 32 bits, and the last one means nobody. */
const MOST_ID = 2 ** 32 - 2

/** A part of names of files and containers: no path. */
const part = z.string().regex(/^[a-zA-Z0-9][a-zA-Z0-9._-]{0,127}$/)
/** The engine's id of a container. */
const container = z.string().regex(/^[0-9a-f]{64}$/)
/** Text for the kernel, which ends at the first zero byte. */
const text = z
  .string()
  .max(MOST_BYTES_OF_TEXT)
  .regex(/^[^\0]*$/)
const word = z
  .string()
  .max(1024)
  .regex(/^[^\0]*$/)
const path = z.string().regex(CONTAINER_PATH)
const id = z.int().min(0).max(MOST_ID)
const count = z.int().min(0).max(Number.MAX_SAFE_INTEGER)
const port = z.int().min(1).max(65_535)
const bytes = z.instanceof(Buffer)
const yes = z.literal(true)
const number = z.union([count, z.literal(-1)])

/** Stands for a file or folder that comes after the call. */
const attached = z.strictObject({
  attached: z
    .int()
    .min(0)
    .max(MOST_ATTACHED - 1),
})

const Image = z.object({ reference: word, digest: z.string().regex(/^(?:sha256:)?[0-9a-f]{64}$/) })

const shape = {
  lease: part,
  name: part,
  service: part,
  peers: z.array(part),
  aliases: z.record(word, part).optional(),
  hosts: z.record(word, word).optional(),
  // What else an image says was resolved by who sends it.
  image: Image.loose(),
  revision: word,
  argv: z.array(text),
  env: z.record(text, text),
  workingDir: text,
  user: word,
  groups: z.array(word).optional(),
  hostname: word,
  mounts: z.array(
    z.strictObject({
      volume: part,
      path,
      readOnly: z.boolean(),
      noCopy: yes.optional(),
      from: z.union([attached, z.strictObject({ staged: attached })]).optional(),
    }),
  ),
  tmpfs: z.array(
    z.strictObject({
      path,
      sizeMiB: count,
      mode: z.int().min(0).max(0o7777).optional(),
      uid: id.optional(),
      gid: id.optional(),
    }),
  ),
  shmMiB: count.optional(),
  files: z.array(
    z.strictObject({
      path,
      content: z.union([bytes, z.strictObject({ file: attached })]),
      mode: z.int().min(0).max(0o777),
      uid: id.optional(),
      gid: id.optional(),
      writable: yes.optional(),
    }),
  ),
  // Folders and devices of this machine are nobody else's.
  agentFolder: z.undefined().optional(),
  gpus: z.literal(0),
  cpuMilli: count,
  memoryMiB: count,
  maxProcesses: count,
  leaseDiskMiB: count.optional(),
  ulimits: z.record(z.string().regex(/^[a-z]{1,16}$/), z.strictObject({ soft: number, hard: number })),
  readOnlyRoot: z.boolean(),
  capabilities: z.array(z.enum(CAPABILITIES)).optional(),
  sysctls: z.record(z.string().refine(isOwnSysctl), word).optional(),
  init: yes.optional(),
  terminal: yes.optional(),
  openStdin: yes.optional(),
  internet: z.literal(false).optional(),
  logs: z.literal(false).optional(),
  stopSignal: z.string().regex(/^[A-Z0-9+-]{1,16}$/),
} satisfies Record<keyof ContainerSpec, z.ZodType>

const named = z.tuple([part, part])

/** What each call takes: nothing that its caller wouldn't be given for the asking on the caller's machine. */
const ARGUMENTS = {
  facts: z.tuple([]),
  hasImage: z.tuple([Image.loose()]),
  leases: z.tuple([]),
  restart: named,
  stop: z.tuple([part, part, count]),
  remove: named,
  removeIn: z.tuple([part, container]),
  keepVolumes: z.tuple([part, z.array(part)]),
  volumes: z.tuple([part]),
  containers: z.tuple([part]),
  usage: named,
  traffic: z.tuple([part]),
  diskUsage: z.tuple([part]),
  halt: z.tuple([part]),
  destroy: z.tuple([part]),
  startIn: z.tuple([z.strictObject(shape), container, z.int().min(0).max(MOST_ATTACHED)]),
  importImage: z.tuple([]),
  readVolume: z.tuple([part, part, bytes]),
  wait: named,
  logs: z.tuple([part, part, z.strictObject({ tail: count.nullable(), follow: z.boolean() })]),
  exec: z.tuple([
    part,
    part,
    z.object({
      argv: z.array(text).min(1),
      terminal: z.object({ columns: port, rows: port }).optional(),
    }),
  ]),
  connect: z.tuple([part, part, port]),
  datagrams: z.tuple([part, part, port]),
} as const

const Call = z.strictObject({
  method: z.enum(Object.keys(ARGUMENTS) as [keyof typeof ARGUMENTS]),
  args: z.array(z.unknown()),
})

/** A call as another machine sent it, with arguments that may be given to an engine. Throws `bad-request`. */
export function checkCall(sent: unknown): { method: keyof typeof ARGUMENTS; args: unknown[] } {
  const { method, args } = checkRequest(Call, sent)
  return { method, args: checkRequest(ARGUMENTS[method] as z.ZodType<unknown[]>, args) }
}
