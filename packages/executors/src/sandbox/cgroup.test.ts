import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Cgroups, findCgroups, LeaseCgroup, resourcesOf } from './cgroup.ts'

const LIMITS = { cpuMilli: 1500, memoryMiB: 100, maxProcesses: 40 }
const MIB = 1024 * 1024

/** A tree of files as kernels lay them out, since this machine has one layout only. */
let root: string
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'cloister-cgroup-'))
})
afterEach(() => rm(root, { recursive: true, force: true }))

const file = (path: string, text = '') => {
  mkdirSync(join(root, path, '..'), { recursive: true })
  writeFileSync(join(root, path), text)
}
const folders = (...paths: string[]) => {
  for (const path of paths) mkdirSync(join(root, path), { recursive: true })
}
const told = (path: string) => readFileSync(join(root, path), 'utf8')
const version1 = () => folders('cpu', 'cpuacct', 'memory', 'pids', 'devices', 'freezer')
const find = (own = '0::/\n', isRoot = true) => findCgroups({ root, own, isRoot })

describe('control groups are found', () => {
  it('of version 2, at the root of the tree', () => {
    file('cgroup.controllers', 'cpu memory pids')
    file('cgroup.subtree_control')
    expect(find()).toEqual({ version: 'v2', parent: '/', root })
    expect(told('cgroup.subtree_control')).toBe('+cpu +memory +pids')
    expect(readdirSync(root).sort()).toEqual(['cgroup.controllers', 'cgroup.subtree_control'])
  })

  it('of version 2, where a part of the tree was delegated to an ordinary user', () => {
    file('cgroup.controllers', 'cpu memory pids')
    file('user.slice/agent.service/cgroup.subtree_control')
    expect(find('0::/user.slice/agent.service\n', false)).toMatchObject({
      version: 'v2',
      parent: '/user.slice/agent.service',
    })
    // Started again, we are in the leaf that we moved to.
    folders('user.slice/agent.service/cloister-agent')
    expect(find('0::/user.slice/agent.service/cloister-agent\n', false)).toMatchObject({
      version: 'v2',
      parent: '/user.slice/agent.service',
    })
  })

  it('of version 2 not at all, where nothing is handed on', () => {
    file('cgroup.controllers', 'cpu memory pids')
    // What can't be written to, also by root.
    folders('cgroup.subtree_control')
    expect(find()).toMatchObject({ version: 'none' })
    expect(find('0::/nowhere\n', false)).toMatchObject({ version: 'none' })
  })

  it('of version 1, whether cpu and cpuacct are one tree or two', () => {
    version1()
    expect(find()).toEqual({ version: 'v1', parent: '/', root })
  })

  it('of version 1 with two names for one tree', () => {
    folders('cpu,cpuacct', 'memory', 'pids')
    for (const name of ['cpu', 'cpuacct']) symlinkSync('cpu,cpuacct', join(root, name))
    expect(find()).toMatchObject({ version: 'v1' })
  })

  it('of version 1 on a hybrid machine, whose tree of version 2 has no controllers', () => {
    version1()
    file('unified/cgroup.controllers')
    file('unified/cgroup.procs')
    expect(find()).toMatchObject({ version: 'v1' })
  })

  it('not at all, where a controller is missing', () => {
    folders('cpu', 'cpuacct', 'memory')
    expect(find()).toMatchObject({ version: 'none' })
  })
})

describe('a lease’s control group', () => {
  const groupOf = (cgroups: Cgroups) => new LeaseCgroup(cgroups, 'cloister-key')

  it('is limited by version 2 in one tree', () => {
    file('cgroup.controllers')
    file('slice/cgroup.subtree_control')
    const cgroups = find('0::/slice\n', false)
    const group = groupOf(cgroups)
    group.limit(LIMITS)
    expect(told('slice/cloister-key/cpu.max')).toBe('150000 100000')
    expect(told('slice/cloister-key/memory.max')).toBe(String(100 * MIB))
    expect(told('slice/cloister-key/memory.swap.max')).toBe('0')
    expect(told('slice/cloister-key/pids.max')).toBe('40')
    expect(told('slice/cloister-key/cgroup.subtree_control')).toBe('+cpu +memory +pids')
    expect(group.keeperFiles).toEqual([join(root, 'slice/cloister-key/keeper/cgroup.procs')])
    expect(group.pathOf('web-0')).toBe('/slice/cloister-key/web-0')
    // The kernel counts what sockets hold as memory.
    folders('slice/cloister-key/web-0')
    group.limitSockets('web-0', 100)
    expect(readdirSync(join(root, 'slice/cloister-key/web-0'))).toEqual([])
    expect(resourcesOf(LIMITS, cgroups)).toMatchObject({
      memory: { limit: 100 * MIB, swap: 100 * MIB },
      pids: { limit: 40 },
    })
  })

  it('is limited by version 1 in a tree for each controller, sockets included', () => {
    version1()
    file('memory/memory.memsw.limit_in_bytes')
    const cgroups = find()
    const group = groupOf(cgroups)
    folders('memory/cloister-key')
    file('memory/cloister-key/memory.memsw.limit_in_bytes')
    group.limit(LIMITS)
    expect(told('cpu/cloister-key/cpu.cfs_quota_us')).toBe('150000')
    expect(told('pids/cloister-key/pids.max')).toBe('40')
    for (const name of ['memory.limit_in_bytes', 'memory.memsw.limit_in_bytes'])
      expect(told(`memory/cloister-key/${name}`)).toBe(String(100 * MIB))
    expect(told('memory/cloister-key/keeper/memory.kmem.tcp.limit_in_bytes')).toBe(String(25 * MIB))
    folders('memory/cloister-key/web-0')
    group.limitSockets('web-0', 16)
    expect(told('memory/cloister-key/web-0/memory.kmem.tcp.limit_in_bytes')).toBe(String(8 * MIB))
    expect(group.keeperFiles).toEqual(
      ['cpu', 'cpuacct', 'memory', 'pids'].map((tree) =>
        join(root, tree, 'cloister-key/keeper/cgroup.procs'),
      ),
    )
    expect(resourcesOf(LIMITS, cgroups)).toMatchObject({ memory: { limit: 100 * MIB, swap: 100 * MIB } })
  })

  it('says nothing of swap where version 1 doesn’t count it', () => {
    version1()
    const cgroups = find()
    groupOf(cgroups).limit(LIMITS)
    expect(existsSync(join(root, 'memory/cloister-key/memory.memsw.limit_in_bytes'))).toBe(false)
    expect(resourcesOf(LIMITS, cgroups)).toMatchObject({ memory: { limit: 100 * MIB } })
    expect(resourcesOf(LIMITS, cgroups)).not.toHaveProperty('memory.swap')
  })

  it('counts, in the words of either version', () => {
    file('cgroup.controllers')
    file('cgroup.subtree_control')
    const counted = { cpuSeconds: 2.5, memoryBytes: 4096, processes: 3, outOfMemory: true }
    file('cloister-key/web-0/cpu.stat', 'usage_usec 2500000\nuser_usec 1\n')
    file('cloister-key/web-0/memory.current', '4096\n')
    file('cloister-key/web-0/pids.current', '3\n')
    file('cloister-key/web-0/memory.events', 'oom 1\noom_kill 1\n')
    expect(groupOf(find()).counters('web-0')).toEqual(counted)
    const version1s: Cgroups = { version: 'v1', parent: '/', root }
    file('cpuacct/cloister-key/web-0/cpuacct.usage', '2500000000\n')
    file('memory/cloister-key/web-0/memory.usage_in_bytes', '4096\n')
    file('pids/cloister-key/web-0/pids.current', '3\n')
    file('memory/cloister-key/web-0/memory.oom_control', 'oom_kill_disable 0\nunder_oom 0\noom_kill 1\n')
    expect(groupOf(version1s).counters('web-0')).toEqual(counted)
    expect(groupOf({ ...version1s, version: 'none' }).counters('web-0')).toBeUndefined()
  })

  it('goes from every tree, those of a hybrid machine that we make nothing in included', async () => {
    version1()
    const group = groupOf(find())
    folders(
      'devices/cloister-key/web-0',
      'unified/cloister-key/web-0',
      'cpu/cloister-key/web-0',
      'cpu/somebody-else',
    )
    await group.remove('web-0')
    expect([
      existsSync(join(root, 'devices/cloister-key/web-0')),
      existsSync(join(root, 'unified/cloister-key/web-0')),
    ]).toEqual([false, false])
    await group.destroy()
    expect(readdirSync(root).filter((tree) => existsSync(join(root, tree, 'cloister-key')))).toEqual([])
    expect(readdirSync(join(root, 'cpu'))).toEqual(['somebody-else'])
  })
})
