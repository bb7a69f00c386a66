import { hkdfSync } from 'node:crypto'
import type { SealingKey } from '@cloister/workload/wire'
import type { Route } from '../route.ts'

/** A key that only this manifest of this lease gets, and only on this worker (HKDF, RFC 5869). */
export const sealingKeyRoute: Route = {
  add: (app, { sealingSecret }, { lease, manifestHash }) => {
    app.get('/v1/sealing-key', (context) => {
      const info = Buffer.from(`cloister sealing key ${lease} ${manifestHash}`)
      return context.json({
        key: Buffer.from(hkdfSync('sha256', sealingSecret, new Uint8Array(), info, 32)).toString('base64'),
      } satisfies SealingKey)
    })
  },
}
