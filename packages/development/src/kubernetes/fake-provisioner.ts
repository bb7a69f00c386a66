import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { ControlPlane } from './control-plane.ts'

interface Claims {
  items: {
    metadata: { name: string; namespace: string; uid: string }
    spec: { volumeName?: string; storageClassName?: string; resources: { requests: { storage: string } } }
  }[]
}

/**
 * Stands for a cluster's storage: gives each claim of the class `fake` a folder of this machine's. It proves
 * nothing of storage drivers (CSI).
 */
export function startFakeProvisioner(control: ControlPlane, folder: string): { stop(): Promise<void> } {
  const ended = new AbortController()
  const provide = async () => {
    const { items } = await control.ask<Claims>('GET', '/api/v1/persistentvolumeclaims')
    for (const { metadata, spec } of items) {
      if (spec.storageClassName !== 'fake' || spec.volumeName) continue
      const path = join(folder, metadata.uid)
      await mkdir(path, { recursive: true })
      await control.ask('POST', '/api/v1/persistentvolumes', {
        metadata: { name: `fake-${metadata.uid}` },
        spec: {
          capacity: { storage: spec.resources.requests.storage },
          accessModes: ['ReadWriteOnce'],
          storageClassName: 'fake',
          persistentVolumeReclaimPolicy: 'Retain',
          claimRef: { namespace: metadata.namespace, name: metadata.name, uid: metadata.uid },
          hostPath: { path },
        },
      })
    }
  }
  const work = (async () => {
    while (!ended.signal.aborted) {
      await provide().catch(() => {})
      await delay(200, undefined, { signal: ended.signal }).catch(() => {})
    }
  })()
  return {
    stop: async () => {
      ended.abort()
      await work
    },
  }
}
