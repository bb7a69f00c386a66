import { CloisterError } from '@cloister/core'
import { noVolume } from '../failures.ts'
import { nameInManifest } from '../volumes/names.ts'
import type { ReadVolumeOptions } from '../volumes/read.ts'
import type { ApiObject, Pod } from './api-types.ts'
import type { Claims } from './claims.ts'
import type { Cluster } from './cluster.ts'
import { failed } from './failures.ts'
import { type Launcher, pathOf } from './launch.ts'
import { OWNER } from './lease-objects.ts'
import { claimName, leaseLabels, MAIN, namespaceOf, podName, STARTER_FOLDER, STARTER_PATH } from './names.ts'
import { confinement, owned, type PodSettings, placement } from './pod.ts'
import { podState } from './pod-state.ts'
import type { Pods } from './pods.ts'
import { readClaim } from './read-claim.ts'
import { StarterSession } from './starter-session.ts'

const FOLDER = '/.cloister/volume'
/** Nobody reads one volume for longer; one that its worker forgot ends by itself. */
const MOST_SECONDS = 6 * 3600
const SIZE = { cpu: '200m', memory: String(64 * 1024 * 1024) }

/** Reads volumes of leases, each by a pod of its own that has nothing else, beside what writes to it. */
export class VolumeReader {
  private readonly parts: { cluster: Cluster; pods: Pods; claims: Claims; launcher: Launcher }
  private readonly settings: PodSettings
  private count = 0

  constructor(parts: VolumeReader['parts'], settings: PodSettings) {
    this.parts = parts
    this.settings = settings
  }

  /** Throws `not-found` and `read-failed`. */
  async read(lease: string, volume: string, options: ReadVolumeOptions): Promise<void> {
    const { cluster, claims, launcher } = this.parts
    const image = await claims.imageOf(lease, volume)
    if (image === undefined) throw noVolume(volume)
    const namespace = namespaceOf(this.settings.scope, lease)
    const owner = await cluster
      .get<ApiObject>(`/api/v1/namespaces/${namespace}/configmaps/${OWNER}`)
      .catch((error) => {
        throw failed(error)
      })
    const node = this.machineOf(lease, volume)
    const place = { lease, volume, namespace, image, node, number: ++this.count }
    const pod = await launcher
      .begin(readerPod({ ...place, ownerUid: owner.metadata?.uid ?? '' }, this.settings), 'What reads it')
      .catch((cause) => {
        throw new CloisterError(
          'read-failed',
          `The volume ${nameInManifest(volume)} can't be read now: ${cause.message}`,
          { cause },
        )
      })
    try {
      const starter = await StarterSession.open(cluster, { pod: pathOf(pod), container: MAIN })
      try {
        await readClaim(starter, FOLDER, volume, options)
      } finally {
        await starter.end()
      }
    } catch (error) {
      throw failed(error)
    } finally {
      await launcher.delete(pod).catch(() => {})
    }
  }

  /** The machine that has a volume already, of which storage often allows just one. */
  private machineOf(lease: string, volume: string): string | undefined {
    const claim = claimName(volume)
    const pod = this.parts.pods.of(lease).find((one) => {
      const { is } = podState(one)
      const has = one.spec?.volumes?.some((its) => its.persistentVolumeClaim?.claimName === claim)
      return has && is !== 'ended' && is !== 'failed'
    })
    return pod?.spec?.nodeName
  }
}

/** A pod that has one volume to read, and its lease's starter that waits. It is no container. */
export function readerPod(
  place: {
    lease: string
    volume: string
    namespace: string
    image: string
    node: string | undefined
    number: number
    ownerUid: string
  },
  settings: PodSettings,
): Pod {
  const { lease, volume, namespace, image, node, number, ownerUid } = place
  const onMachine = { key: 'metadata.name', operator: 'In', values: [node] }
  return {
    metadata: {
      name: podName(`reading-${volume}-${Date.now()}`, number),
      namespace,
      labels: leaseLabels(settings.scope, lease),
      ownerReferences: owned(ownerUid),
    },
    spec: {
      ...placement(settings),
      activeDeadlineSeconds: MOST_SECONDS,
      ...(node !== undefined && {
        affinity: {
          nodeAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: {
              nodeSelectorTerms: [{ matchFields: [onMachine] }],
            },
          },
        },
      }),
      containers: [
        {
          name: MAIN,
          image,
          imagePullPolicy: 'IfNotPresent',
          command: [STARTER_PATH],
          stdin: true,
          resources: { limits: SIZE, requests: SIZE },
          securityContext: {
            ...confinement(['DAC_OVERRIDE']),
            readOnlyRootFilesystem: true,
            runAsUser: 0,
            runAsGroup: 0,
          },
          volumeMounts: [
            { name: 'starter', mountPath: STARTER_FOLDER, readOnly: true },
            { name: 'volume', mountPath: FOLDER, readOnly: true },
          ],
        },
      ],
      volumes: [
        { name: 'starter', configMap: { name: OWNER, defaultMode: 0o555 } },
        { name: 'volume', persistentVolumeClaim: { claimName: claimName(volume) } },
      ],
    },
  }
}
