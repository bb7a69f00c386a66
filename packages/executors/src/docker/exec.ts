import { PassThrough } from 'node:stream'
import type Docker from 'dockerode'
import type { ExecOptions, ExecSession } from '../executor.ts'

/** Runs a command in a container. */
export async function execIn(
  docker: Docker,
  container: Docker.Container,
  options: ExecOptions,
): Promise<ExecSession> {
  const tty = options.terminal !== undefined
  const exec = await container.exec({
    Cmd: options.argv,
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    Tty: tty,
  })
  const stream = await exec.start({ hijack: true, stdin: true, Tty: tty })
  const stdout = new PassThrough()
  const stderr = new PassThrough()
  if (tty) stream.pipe(stdout)
  else docker.modem.demuxStream(stream, stdout, stderr)
  const resize = async (columns: number, rows: number) =>
    void (await exec.resize({ w: columns, h: rows }).catch(() => {}))
  if (options.terminal) void resize(options.terminal.columns, options.terminal.rows)
  const ended = new Promise<void>((resolve) =>
    stream
      .once('close', resolve)
      .once('end', resolve)
      .once('error', () => resolve()),
  )
  const exit = ended.then(async () => {
    stdout.end()
    stderr.end()
    for (let attempt = 0; attempt < 50; attempt++) {
      const info = await exec.inspect().catch(() => undefined)
      if (info && !info.Running) return info.ExitCode ?? 255
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    return 255
  })
  return { stdin: stream, stdout, stderr, exit, resize, kill: () => stream.destroy() }
}
