import { describe, expect, it } from 'vitest'
import type { ContainerSpec, Image } from '../executor.ts'
import { containerOf } from '../testing.ts'
import type { Pod } from './api-types.ts'
import { exitCodeOf } from './channels.ts'
import { networkPolicies, serviceObjects } from './lease-objects.ts'
import { parseLine } from './logs.ts'
import { claimName, namespaceOf, podName } from './names.ts'
import { podObject } from './pod.ts'
import { isContainer, podState, statusOfPod } from './pod-state.ts'
import { bytesOf, milliOf } from './quantity.ts'
import { readerPod } from './reader.ts'
import { parseUsage } from './usage.ts'

const LEASE = `0x${'ab'.repeat(32)}`
const IMAGE: Image = {
  reference: 'registry.example/team/app:1',
  digest: `sha256:${'1'.repeat(64)}`,
  entrypoint: [],
  command: [],
  env: {},
  workingDir: '/',
  user: '',
  volumes: [],
  ports: [],
}
const SETTINGS = { scope: 'abc', gpuResource: 'nvidia.com/gpu' }
const PLACE = {
  namespace: 'n',
  instance: 7,
  image: `registry.example/team/app@${IMAGE.digest}`,
  ownerUid: 'u',
}

const spec = (changes: Partial<ContainerSpec> = {}): ContainerSpec => ({
  ...containerOf(LEASE, IMAGE),
  ...changes,
})
const podOf = (changes: Partial<ContainerSpec> = {}) => podObject(spec(changes), PLACE, SETTINGS)
const place = {
  scope: 'abc',
  lease: LEASE,
  workerNetworks: ['192.0.2.7/32'],
  closedNetworks: ['198.51.0.0/16', '2001:db8::/32'],
}

describe('the pod of a container', () => {
  it('says nothing of what its program is told', () => {
    const pod = podOf({
      argv: ['run', 'SECRET-1'],
      env: { KEY: 'SECRET-2' },
      files: [{ path: '/run/key', content: Buffer.from('SECRET-3'), mode: 0o400 }],
      workingDir: '/SECRET-4',
    })
    expect(JSON.stringify(pod)).not.toContain('SECRET')
    expect(pod.spec?.containers[0]?.image).toBe(PLACE.image)
  })

  it('may do nothing but what the container may, whatever it asks for', () => {
    for (const container of [...(podOf().spec?.containers ?? []), ...(podOf().spec?.initContainers ?? [])])
      expect(container.securityContext).toMatchObject({
        allowPrivilegeEscalation: false,
        privileged: false,
        capabilities: { drop: ['ALL'] },
      })
    const { spec: plain } = podOf({ user: '1000', capabilities: ['CHOWN'] })
    expect(plain?.containers[0]?.securityContext).toMatchObject({
      runAsUser: 1000,
      capabilities: { drop: ['ALL'] },
    })
    expect(plain?.containers[0]?.securityContext?.capabilities?.add).toBeUndefined()
    expect(
      podOf({ capabilities: ['CHOWN'] }).spec?.containers[0]?.securityContext?.capabilities?.add,
    ).toEqual(['CHOWN'])
    expect(plain).toMatchObject({
      automountServiceAccountToken: false,
      restartPolicy: 'Never',
      securityContext: { seccompProfile: { type: 'RuntimeDefault' } },
      nodeSelector: { 'network.cloister.node-restriction.kubernetes.io/covered-abc': 'true' },
    })
    expect(plain?.hostNetwork ?? plain?.hostPID ?? plain?.hostIPC).toBeUndefined()
  })

  it('has GPUs, a runtime class and a filter of system calls by their names in the cluster', () => {
    const settings = {
      ...SETTINGS,
      gpuResource: 'amd.com/gpu',
      runtimeClass: 'kata',
      seccompProfile: 'own.json',
    }
    const { spec: pod } = podObject(spec({ gpus: 2 }), PLACE, settings)
    expect(pod?.containers[0]?.resources?.limits).toMatchObject({ 'amd.com/gpu': '2', cpu: '1000m' })
    expect(pod?.initContainers?.[0]?.resources?.limits).not.toHaveProperty('amd.com/gpu')
    expect(pod?.runtimeClassName).toBe('kata')
    expect(pod?.securityContext?.seccompProfile).toEqual({ type: 'Localhost', localhostProfile: 'own.json' })
  })

  it('is refused where it asks for what a cluster does not have', () => {
    for (const changes of [
      { user: 'app' },
      { groups: ['wheel'] },
      { agentFolder: '/x' },
      { logs: false as const },
    ])
      expect(() => podOf(changes)).toThrow(/^web-0 /)
    expect(() =>
      podObject(spec({ user: 'app', image: { ...IMAGE, user: 'app' } }), PLACE, SETTINGS),
    ).not.toThrow()
  })
})

describe('the pod that reads a volume', () => {
  it('has that volume alone, to read, where it is, and is no container', () => {
    const where = {
      lease: LEASE,
      volume: 'data',
      namespace: 'n',
      image: PLACE.image,
      number: 1,
      ownerUid: 'u',
    }
    const pod = readerPod({ ...where, node: 'one' }, SETTINGS)
    expect(pod.spec?.containers[0]?.volumeMounts).toMatchObject([
      { name: 'starter', readOnly: true },
      { name: 'volume', readOnly: true },
    ])
    expect(pod.spec?.volumes?.[1]?.persistentVolumeClaim).toEqual({ claimName: claimName('data') })
    expect(pod.spec?.containers[0]?.securityContext).toMatchObject({
      capabilities: { drop: ['ALL'], add: ['DAC_OVERRIDE'] },
      readOnlyRootFilesystem: true,
    })
    expect(JSON.stringify(pod.spec?.affinity)).toContain('"values":["one"]')
    expect(readerPod({ ...where, node: undefined }, SETTINGS).spec?.affinity).toBeUndefined()
    expect(pod.spec?.nodeSelector).toEqual(podOf().spec?.nodeSelector)
    expect(pod.spec?.automountServiceAccountToken).toBe(false)
    expect(isContainer(pod)).toBe(false)
    expect(isContainer(podOf())).toBe(true)
  })
})

describe('names', () => {
  it('are ones that a cluster takes, and differ where what they are of does', () => {
    const names = ['web-0', 'WEB_0', 'web_0', '.', 'x'.repeat(300), '走る'].flatMap((name) => [
      podName(name, Number.MAX_SAFE_INTEGER),
      claimName(name),
    ])
    for (const name of [...names, namespaceOf('a'.repeat(16), LEASE)])
      expect(name).toMatch(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/)
    expect(new Set(names).size).toBe(names.length)
  })
})

describe('walls', () => {
  it('let a lease reach the internet only where it has it, and no private network ever', () => {
    const [nothing, lease] = networkPolicies(place, true) as unknown as { spec: Record<string, unknown> }[]
    expect(nothing?.spec).toEqual({ podSelector: {}, policyTypes: ['Ingress', 'Egress'] })
    const text = JSON.stringify(lease)
    for (const network of ['10.0.0.0/8', '169.254.0.0/16', '198.51.0.0/16', '2001:db8::/32', '2002::/16'])
      expect(text).toContain(network)
    const closed = JSON.stringify(networkPolicies(place, false))
    expect(closed).not.toContain('0.0.0.0/0')
    expect(closed).not.toContain('2000::/3')
    expect(closed).toContain('192.0.2.7/32')
  })

  it('have names of services that a cluster can have, and no others', () => {
    const services = serviceObjects(place, ['web', 'db'], { my_db: 'db', 'db.internal': 'db', store: 'db' })
    expect(services.map(({ metadata }) => metadata?.name)).toEqual(['web', 'db', 'store'])
    expect(services[2]?.spec?.selector).toEqual(services[1]?.spec?.selector)
  })
})

describe('what an API server says', () => {
  const podWith = (status: object, metadata: object = {}): Pod => ({
    metadata: { annotations: podOf().metadata?.annotations ?? {}, ...metadata },
    status: status as NonNullable<Pod['status']>,
  })
  const main = (state: object) => ({ containerStatuses: [{ name: 'main', state }] })

  it('tells how a container is doing', () => {
    expect(podState(podWith({}))).toEqual({ is: 'waiting', trouble: undefined })
    expect(
      podState(podWith({ initContainerStatuses: [{ name: 'prepare', state: { running: {} } }] })).is,
    ).toBe('preparing')
    expect(podState(podWith(main({ running: { startedAt: '2026-01-01T00:00:00Z' } })))).toEqual({
      is: 'running',
      startedAt: Date.UTC(2026, 0, 1),
    })
    const ended = (terminated: object, more: object = {}) =>
      podState(podWith({ ...main({ terminated }), ...more }))
    expect(ended({ exitCode: 3 })).toMatchObject({ is: 'ended', exit: { code: 3, outOfMemory: false } })
    expect(ended({ exitCode: 137, reason: 'OOMKilled' })).toMatchObject({ exit: { outOfMemory: true } })
    expect(ended({ exitCode: 137, reason: 'ContainerStatusUnknown' })).toMatchObject({ exit: { lost: true } })
    const deadline = { phase: 'Failed', reason: 'DeadlineExceeded' }
    expect(podState(podWith({ ...main({ running: {} }), ...deadline }))).toMatchObject({
      is: 'ended',
      exit: { code: 137 },
    })
    expect(podState(podWith(main({ running: {} }), { deletionTimestamp: 'x' }))).toMatchObject({
      exit: { lost: true },
    })
    expect(podState(podWith({ phase: 'Failed', reason: 'Evicted', ...main({ running: {} }) }))).toMatchObject(
      { exit: { lost: true } },
    )
    expect(podState(podWith({ phase: 'Failed', message: 'SysctlForbidden' }))).toEqual({
      is: 'failed',
      trouble: 'SysctlForbidden',
    })
    const stuck = {
      name: 'prepare',
      state: { waiting: { reason: 'ErrImagePull', message: 'no such image' } },
    }
    expect(podState(podWith({ initContainerStatuses: [stuck] }))).toEqual({
      is: 'waiting',
      trouble: 'no such image',
    })
  })

  it('is held to bounds, and what is no pod of ours is none', () => {
    const long = { name: 'prepare', state: { waiting: { reason: 'x', message: 'y'.repeat(10_000) } } }
    const state = podState(podWith({ initContainerStatuses: [long] }))
    expect(state.is === 'waiting' && state.trouble?.length).toBeLessThan(1_000)
    expect(podState(podWith(main({ terminated: { exitCode: 'rm -rf' } })))).toMatchObject({
      exit: { code: 255 },
    })
    expect(podState(podWith({ containerStatuses: 'none', initContainerStatuses: 7 })).is).toBe('waiting')
    expect(
      statusOfPod({ metadata: {}, status: main({ running: {} }) as NonNullable<Pod['status']> }),
    ).toBeUndefined()
    expect(podState({})).toEqual({ is: 'waiting', trouble: undefined })
  })

  it('has exit codes of commands, quantities, usage and lines of logs, or nothing', () => {
    expect(exitCodeOf('{"status":"Success"}')).toBe(0)
    const failure = { status: 'Failure', details: { causes: [{ reason: 'ExitCode', message: '7' }] } }
    expect(exitCodeOf(JSON.stringify(failure))).toBe(7)
    expect(exitCodeOf('{"status":"Failure"}')).toBe(255)
    expect(exitCodeOf('{"status":"Fai')).toBeUndefined()
    expect([milliOf('250m'), milliOf('2'), milliOf('1.5'), milliOf('x'), milliOf(undefined)]).toEqual([
      250, 2000, 1500, 0, 0,
    ])
    expect([bytesOf('1Ki'), bytesOf('2Gi'), bytesOf('3M'), bytesOf('1e3'), bytesOf('-1')]).toEqual([
      1024,
      2 ** 31,
      3e6,
      1000,
      0,
    ])
    const net = 'Inter-|\n face |bytes\n    lo: 9 1 0 0 0 0 0 0 9 1\n  eth0: 100 2 0 0 0 0 0 0 50 1\n'
    expect(parseUsage(`usage_usec 2500000\nuser_usec 1\n\n--\n4096\n\n--\n3\n\n--\n${net}`)).toEqual({
      usage: { cpuSeconds: 2.5, memoryBytes: 4096, processes: 3 },
      traffic: { received: 100, sent: 50 },
    })
    expect(parseUsage('1500000000\n\n--\n1\n').usage.cpuSeconds).toBe(1.5)
    expect(parseLine('2026-01-01T00:00:00.123456789Z a b')).toEqual({
      time: '2026-01-01T00:00:00.123456789Z',
      text: 'a b',
    })
    expect(parseLine('unable to retrieve container logs')).toBeUndefined()
  })
})
