import { findToken } from '@cloister/chain'
import { CloisterError } from '@cloister/core'
import { groups } from '@cloister/sdk'
import { paint, Steps, say, sayJson } from '@cloister/terminal'
import { connect } from '../../context.ts'
import { readManifestFile } from '../../manifest-file.ts'
import { terms } from './bid-terms.ts'
import { sayClosed } from './close.ts'
import { wantedDeposit } from './deploy.ts'
import { agreementTo, handedFrom, replicaTable } from './deploy-group.ts'
import type { DeployOptions } from './options.ts'

/** `cloister scale my-app=5`: opens the replicas that are missing, or closes those that are too many. */
export async function runScale(
  wanted: string,
  file: string | undefined,
  options: DeployOptions,
): Promise<void> {
  const [, name = '', count = ''] = /^([^=]+)=(\d{1,3})$/.exec(wanted) ?? []
  if (name === '')
    throw new CloisterError('bad-option', `${JSON.stringify(wanted.slice(0, 60))} is not NAME=NUMBER.`, {
      hint: 'As in: cloister scale my-app=5',
    })
  const cloister = connect(options)
  const { network } = cloister
  const group = await groups.find(cloister, name)
  if (!group)
    throw new CloisterError('not-found', `You have no group called ${name}.`, { hint: { do: 'list-leases' } })
  const asked = terms(options, network)
  const deposit = wantedDeposit(options, findToken(network, asked.pay))
  const steps = new Steps(options.json === true)
  try {
    // Without a file they run what the others run.
    const isNamed = file !== undefined || options.file !== undefined
    const parsed = isNamed ? await readManifestFile(file, options, options.json === true) : undefined
    const handed = parsed && (await handedFrom(cloister, parsed, options, steps))
    const scaled = await groups.scale(cloister, group, Number(count), {
      ...asked,
      ...handed,
      deposit,
      onStep: (step, detail) => steps.begin(step, detail),
      agree: agreementTo(cloister, options, steps, `Open them?`),
    })
    steps.done()
    if (options.json) return sayJson(scaled)
    if (scaled.closed.length > 0) sayClosed(cloister, group.name, scaled.closed, options)
    if (scaled.opened.length > 0) say(replicaTable(network, scaled.opened))
    say(`${paint('green', '●')} ${paint('bold', group.name)} has ${scaled.replicas} replicas.`)
  } catch (error) {
    steps.fail()
    throw error
  }
}
