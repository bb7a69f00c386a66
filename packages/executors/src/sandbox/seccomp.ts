import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import * as z from 'zod'

/**
 * Docker's default system call filter as data: moby, `profiles/seccomp/default.json` of 20.10.24 (Debian's
 * golang-github-docker-docker-dev 20.10.24+dfsg1-1+deb12u1), Apache License 2.0, copyright The Moby
 * Project's authors.
 */
const PROFILE = fileURLToPath(new URL('seccomp-docker.json', import.meta.url))

const Conditions = z.object({
  arches: z.array(z.string()).optional(),
  caps: z.array(z.string()).optional(),
  minKernel: z.string().optional(),
})
const Argument = z.object({ index: z.int(), value: z.int(), valueTwo: z.int().optional(), op: z.string() })
const Profile = z.object({
  defaultAction: z.string(),
  archMap: z.array(z.object({ architecture: z.string(), subArchitectures: z.array(z.string()).nullable() })),
  syscalls: z.array(
    z.object({
      names: z.array(z.string()),
      action: z.string(),
      errnoRet: z.int().optional(),
      args: z.array(Argument).nullish(),
      includes: Conditions.optional(),
      excludes: Conditions.optional(),
    }),
  ),
})

/**
 * What later profiles of Docker's deny, and 20.10's doesn't: io_uring; and a 32-bit way to make any socket
 * unseen. And what one container could take from all others: the machine's slots for asynchronous input and
 * output (fs.aio-max-nr), which nothing counts by user or container. Whoever is told that the kernel has
 * none (ENOSYS) does without, as MariaDB and MySQL do.
 */
const DENIED = /^(io_uring_.*|socketcall|io_setup)$/
const NO_SUCH_CALL = 38
/**
 * AF_UNIX, AF_INET, AF_INET6, AF_NETLINK. Others (vsock, which leads to the host of a machine; the kernel's
 * ciphers; …) aren't made.
 */
const FAMILIES = [1, 2, 10, 16]

const ARCHITECTURES: Record<string, { profile: string; seccomp: string }> = {
  x64: { profile: 'amd64', seccomp: 'SCMP_ARCH_X86_64' },
  arm64: { profile: 'arm64', seccomp: 'SCMP_ARCH_AARCH64' },
}

/** A filter as a container's configuration has it (OCI runtime specification, "Seccomp"). */
export interface SeccompFilter {
  defaultAction: string
  architectures: string[]
  syscalls: { names: string[]; action: string; errnoRet?: number; args?: z.infer<typeof Argument>[] }[]
}

/**
 * The filter for a process that has at most these capabilities. Throws RangeError for an unknown processor.
 */
export function seccompFilter(
  capabilities: readonly string[],
  architecture: string = process.arch,
): SeccompFilter {
  const arch = ARCHITECTURES[architecture]
  if (!arch) throw new RangeError(`There is no system call table for ${architecture}.`)
  const profile = Profile.parse(JSON.parse(readFileSync(PROFILE, 'utf8')))
  const meets = (conditions: z.infer<typeof Conditions>) =>
    (conditions.arches?.includes(arch.profile) ?? true) &&
    (conditions.caps?.every((name) => capabilities.includes(name)) ?? true)
  const isExcluded = (conditions: z.infer<typeof Conditions>) =>
    conditions.arches?.includes(arch.profile) || conditions.caps?.some((name) => capabilities.includes(name))
  const syscalls: SeccompFilter['syscalls'] = profile.syscalls
    .filter(({ includes, excludes }) => meets(includes ?? {}) && !isExcluded(excludes ?? {}))
    .map(({ names, action, errnoRet, args }) => ({
      names: names.filter((name) => !DENIED.test(name) && name !== 'socket'),
      action,
      ...(errnoRet !== undefined && { errnoRet }),
      ...(args && args.length > 0 && { args }),
    }))
    .filter(({ names }) => names.length > 0)
  syscalls.push({ names: ['io_setup'], action: 'SCMP_ACT_ERRNO', errnoRet: NO_SUCH_CALL })
  for (const value of FAMILIES)
    syscalls.push({
      names: ['socket'],
      action: 'SCMP_ACT_ALLOW',
      args: [{ index: 0, value, op: 'SCMP_CMP_EQ' }],
    })
  const own = profile.archMap.find(({ architecture: name }) => name === arch.seccomp)
  return {
    defaultAction: profile.defaultAction,
    architectures: [arch.seccomp, ...(own?.subArchitectures ?? [])],
    syscalls,
  }
}
