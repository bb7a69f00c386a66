import { messageOf } from '@cloister/core'
import { serverIdentity } from '../api/tls.ts'
import type { MakePart } from './part.ts'

/** Serves a TLS certificate with new evidence in it, each time the worker attests. */
export const certificatePart: MakePart = ({ machine, attestor, identify }) => ({
  name: 'certificate',
  start: async () => {
    const { config, tlsKey, log } = machine
    if (!config.endpoint.startsWith('https:')) return
    attestor.onRenewed(() => {
      serverIdentity(attestor, tlsKey.pem, config.endpoint).then(identify, (error) =>
        log('warn', 'the TLS certificate could not be renewed', { error: messageOf(error) }),
      )
    })
  },
})
