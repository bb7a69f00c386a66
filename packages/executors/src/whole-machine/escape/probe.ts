import { readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import { type Attempt, REFUSALS } from './attempt.ts'

/** What the attempts know of the host, as an attacker might who has an account there. */
export type HostFacts = Record<string, string | number | readonly string[]>

/**
 * What came of an attempt: `refused`, or in words what the container came by or what was wrong with the
 * attempt.
 */
export type Outcome = 'refused' | `got ${string}` | `proves nothing: ${string}`

/**
 * A program in Perl, which has raw system calls and comes with every Debian, that makes attempts and tells
 * of each.
 */
export function probeProgram(attempts: readonly Attempt[], host: HostFacts): string {
  const parts = attempts.map(({ perl }, index) => `${index} => ${perlOf(perl)}`)
  return `${program(0, host)}%parts = (${parts.join(', ')});\n${program(1)}`
}

/** A program that does one thing, and has the functions and numbers that attempts have. */
export function deedProgram(perl: string, host: HostFacts = {}): string {
  return `${program(0, host)}${perl}`
}

function program(part: 0 | 1, host: HostFacts = {}): string {
  const text = readFileSync(join(import.meta.dirname, 'probe.pl'), 'utf8').split(/^(?=my @left)/m)[part] ?? ''
  if (part === 1) return text
  const numbers = Object.entries(SYSTEM_CALLS).map(
    ([name, [x64, arm64]]) => `${name} => ${process.arch === 'arm64' ? arm64 : x64}`,
  )
  const facts = Object.entries(host).map(([name, value]) => `${name} => ${perlOf(value)}`)
  return `${text}%number = (${numbers.join(', ')});\n%host = (${facts.join(', ')});\n`
}

/** Reads what the program printed. */
export function readOutcomes(attempts: readonly Attempt[], output: string): Outcome[] {
  const lines = new Map(
    output.split('\n').map((line) => [line.split('\t')[0], line.slice(line.indexOf('\t') + 1)]),
  )
  return attempts.map(({ also = [] }, index): Outcome => {
    const line = lines.get(`${index}`) ?? 'ended'
    if (line.startsWith('got ')) return line as Outcome
    if (!line.startsWith('no ')) return `proves nothing: ${line}`
    const errors = [...new Set(line.slice(3).split(',').filter(Boolean).map(nameOfError))]
    if (errors.length === 0) return 'proves nothing: it tried nothing'
    const odd = errors.filter((error) => !REFUSALS.includes(error) && !also.includes(error))
    return odd.length === 0 ? 'refused' : `proves nothing: ${odd.join(', ')}`
  })
}

export function nameOfError(number: string): string {
  return (
    Object.entries(constants.errno).find(([, value]) => value === Number(number))?.[0] ??
    MORE_ERRORS[number] ??
    number
  )
}

/** Errors of Linux that Node has no names for. */
const MORE_ERRORS: Record<string, string> = { 94: 'ESOCKTNOSUPPORT', 26: 'ETXTBSY' }

function perlOf(value: HostFacts[string]): string {
  if (typeof value === 'number') return String(value)
  if (typeof value === 'string') return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
  return `[${value.map(perlOf).join(', ')}]`
}

/** Numbers of system calls on x86-64 and on ARM64 (Linux's asm/unistd_64.h and asm-generic/unistd.h). */
const SYSTEM_CALLS: Record<string, readonly [x64: number, arm64: number]> = {
  acct: [163, 89],
  add_key: [248, 217],
  bpf: [321, 280],
  capset: [126, 91],
  clock_settime: [227, 112],
  clone: [56, 220],
  clone3: [435, 435],
  fanotify_init: [300, 262],
  fsopen: [430, 430],
  init_module: [175, 105],
  inotify_init1: [294, 26],
  io_setup: [206, 0],
  io_uring_setup: [425, 425],
  ioctl: [16, 29],
  // ARM has no ports; the number is nobody's.
  ioperm: [173, 4095],
  iopl: [172, 4095],
  kexec_load: [246, 104],
  keyctl: [250, 219],
  kill: [62, 129],
  mknodat: [259, 33],
  mount: [165, 40],
  mount_setattr: [442, 442],
  move_pages: [279, 239],
  open_by_handle_at: [304, 265],
  open_tree: [428, 428],
  perf_event_open: [298, 241],
  pidfd_open: [434, 434],
  pivot_root: [155, 41],
  prlimit64: [302, 261],
  process_vm_readv: [310, 270],
  ptrace: [101, 117],
  quotactl: [179, 60],
  reboot: [169, 142],
  request_key: [249, 218],
  sched_setscheduler: [144, 119],
  sethostname: [170, 161],
  setns: [308, 268],
  setpriority: [141, 140],
  swapon: [167, 224],
  syslog: [103, 116],
  umount2: [166, 39],
  unshare: [272, 97],
  userfaultfd: [323, 282],
}
