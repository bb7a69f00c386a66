import { signConsent } from '@cloister/chain'
import { CloisterError } from '@cloister/core'
import type { Route } from '../route.ts'

/** Seconds in which a seat may be taken by a consent. */
const CONSENT_SECONDS = 600

/** The worker's word that an instance of the key service here may have its provider's seat. */
export const seatConsentRoute: Route = {
  add: (app, { chain, key, keySeat }, { lease, manifestHash }) => {
    app.get('/v1/seat-consent', async (context) => {
      if (keySeat === undefined)
        throw new CloisterError(
          'forbidden',
          'This worker’s provider lets no instance of the key service have a seat.',
          {
            hint: 'It names one under `keySeat` in its configuration.',
          },
        )
      // Whatever runs may ask: what it is, is signed along, and the contract knows what it has to be.
      const { timestamp } = await chain.client.getBlock()
      const expiry = Number(timestamp) + CONSENT_SECONDS
      return context.json(
        await signConsent(chain.network, key, { seat: keySeat, lease, manifestHash, expiry }),
      )
    })
  },
}
