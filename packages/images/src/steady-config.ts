import * as z from 'zod'

const Config = z.looseObject({
  config: z.looseObject({}).optional(),
  history: z.array(z.looseObject({ comment: z.string().optional() })).optional(),
})

/**
 * An image's configuration without what Docker's form says of the containers in which it was built: their
 * names differ from build to build, and nothing that runs reads them.
 */
export function steadyConfig(bytes: Buffer): Buffer {
  const read = Config.safeParse(parseJson(bytes))
  if (!read.success) return bytes
  const { container: _, container_config: __, parent: ___, id: ____, config, history, ...rest } = read.data
  const { Hostname: _____, ...kept } = config ?? {}
  const steps = history?.map(({ comment, ...step }) =>
    comment === undefined || /^FROM [0-9a-f]+$/.test(comment) ? step : { ...step, comment },
  )
  return Buffer.from(
    JSON.stringify({ ...rest, ...(config && { config: kept }), ...(steps && { history: steps }) }),
  )
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch {
    return undefined
  }
}
