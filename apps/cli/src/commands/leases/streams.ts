/** Ends a stream of lines with Ctrl-C, without an error. */
export function onInterrupt(): AbortController {
  const aborter = new AbortController()
  process.once('SIGINT', () => aborter.abort())
  process.stdout.once('error', () => aborter.abort())
  return aborter
}

export async function written(text: string, stream: NodeJS.WriteStream): Promise<void> {
  if (!stream.write(text)) await new Promise((resolve) => stream.once('drain', resolve))
}
