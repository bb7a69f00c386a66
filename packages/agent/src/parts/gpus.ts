import { GpuConfirmation } from '../verdicts/confirm.ts'
import type { MakePart } from './part.ts'

/** Has the worker's GPUs vouched for by other providers' verifiers, each time it attests. */
export const gpusPart: MakePart = ({ machine, attestor }) => ({
  name: 'gpus',
  start: async (signal) => {
    const { config, key, wallet, provider, source, sequence, tlsKey, log } = machine
    if (config.capacity.gpus === 0) return
    const confirming = { wallet, key, provider, tlsKeyHash: tlsKey.hash, source, sequence, log }
    const gpus = new GpuConfirmation(confirming, signal)
    const confirm = () => {
      if (attestor.latest) gpus.begin(attestor.latest.block)
    }
    confirm()
    attestor.onRenewed(confirm)
  },
})
